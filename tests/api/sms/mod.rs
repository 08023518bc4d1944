//! The SMS with the code: sent at least once, always with the same reference, never for a sale that
//! was rolled back, and by a provider that may misbehave as real ones do.

use malipo::config::{Config, SmsProvider};
use malipo::domain::people::Secret;

use crate::harness::{TestApp, TestOrder};

mod check;
mod copies;
pub mod failures;
pub mod gateway;
mod receipts;
mod settings;

use gateway::FakeGateway;

/// NextSMS as a shop configures it, with the fake in its place.
pub fn by_nextsms(gateway: &FakeGateway) -> impl FnOnce(&mut Config) + use<> {
    let url = gateway.url();
    move |config| {
        config.sms.provider = SmsProvider::Nextsms;
        config.sms.sender_id = Some("DUKA".to_owned());
        config.sms.username = Some("duka".to_owned());
        config.sms.password = Some(Secret::new("the-password"));
        config.sms.base_url = Some(url);
        config.sms.timeout_ms = 1_000;
    }
}

/// Creates a sold order.
pub async fn sell(app: &TestApp) -> TestOrder {
    let order = app.buy().await;
    let answer = app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    order
}

/// A column of the order's message.
async fn column(app: &TestApp, order: &TestOrder, column: &str) -> Option<String> {
    let of = app.database.is_order(&order.id);
    let sql = format!(
        "SELECT CAST({column} AS text) FROM sms_messages
         WHERE payment_id = (SELECT id FROM payments WHERE {of})"
    );
    app.database.text(&sql).await
}

pub async fn state(app: &TestApp, order: &TestOrder) -> String {
    column(app, order, "state").await.unwrap()
}
