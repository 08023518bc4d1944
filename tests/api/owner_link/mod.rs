//! The link in the SMS opens the order and can replace its voucher's code. The order id, which the
//! browser that bought has, cannot replace the code and does not show the new one.

use crate::harness::{Answer, Kind, TestApp, TestOrder};
use crate::pages::submit;

mod attacks;
mod link;

/// The path of the link in the order's newest SMS; before there is one, the path that it will have.
pub async fn owner_link(app: &TestApp, order: &TestOrder) -> String {
    if let Some(text) = of_order(app, order, "sms_messages", "body").await {
        let (_, token) = text.split_once("/v/").unwrap();
        return format!("/v/{token}");
    }
    let is_order = app.database.is_order(&order.id);
    let token = format!("SELECT owner_token FROM payments WHERE {is_order}");
    let token = app.database.text(&token).await;
    format!("/v/{}", token.unwrap_or("x".repeat(22)))
}

/// The text of the order's newest SMS.
async fn newest_sms(app: &TestApp, order: &TestOrder) -> String {
    let text = of_order(app, order, "sms_messages", "body").await;
    text.unwrap()
}

/// The current code, which only the database and the owner know.
pub async fn true_code(app: &TestApp, order: &TestOrder) -> String {
    of_order(app, order, "vouchers", "code").await.unwrap()
}

/// A column of the newest row that belongs to the order.
async fn of_order(app: &TestApp, order: &TestOrder, table: &str, column: &str) -> Option<String> {
    let is_order = app.database.is_order(&order.id);
    let newest = format!(
        "SELECT {column} FROM {table} WHERE payment_id = (SELECT id FROM payments WHERE {is_order}) \
         ORDER BY id DESC LIMIT 1"
    );
    app.database.text(&newest).await
}

/// The owner, who saw the order at this version, confirms the replacement of the code.
pub async fn press(app: &TestApp, order: &TestOrder, seen: i64) -> Answer {
    let path = format!("{}/reissue", owner_link(app, order).await);
    submit(app, &path, &[("seen", &seen.to_string())]).await
}

/// The owner replaces the code; returns the new one.
pub async fn reissue(app: &TestApp, order: &TestOrder) -> String {
    let before = true_code(app, order).await;
    let seen = app.status(order).await["version"].as_i64().unwrap();
    let answer = press(app, order, seen).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let after = true_code(app, order).await;
    assert_ne!(after, before);
    after
}

/// Creates a paid order.
async fn sold(app: &TestApp) -> TestOrder {
    let order = app.buy().await;
    let answer = app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(answer.verdict(), (200, "completed".to_owned()));
    order
}
