//! A guest who has paid and lost the page opens the order on any device with the link in the SMS.

use malipo::config::SmsProvider;
use malipo::domain::people::Secret;

use crate::harness::{Kind, TestApp, TestOrder};
use crate::reconciling::eventually;
use crate::sms::gateway::{Does, FakeGateway};

on_both_databases! {
    the_link_in_the_sms_shows_the_code_on_any_device,
}

async fn shop(kind: Kind, gateway: &FakeGateway) -> TestApp {
    let url = gateway.url();
    TestApp::start_with(kind, |config| {
        config.sms.provider = SmsProvider::Nextsms;
        config.sms.sender_id = Some("DUKA".to_owned());
        config.sms.username = Some("duka".to_owned());
        config.sms.password = Some(Secret::new("the-password"));
        config.sms.base_url = Some(url);
    })
    .await
}

/// Creates a sold order whose SMS is sent.
async fn sell(app: &TestApp, gateway: &FakeGateway) -> TestOrder {
    let before = gateway.sent().len();
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    eventually("the SMS is sent", async || gateway.sent().len() > before).await;
    order
}

async fn the_link_in_the_sms_shows_the_code_on_any_device(kind: Kind) {
    let gateway = FakeGateway::that(Does::Take);
    let app = shop(kind, &gateway).await;
    let order = sell(&app, &gateway).await;

    let sms = gateway.sent()[0]["text"].as_str().unwrap().to_owned();
    let link = sms.split(' ').next_back().unwrap();
    let page = app.get(link).await;
    let unknown = app.get(&app.url("/v/0123456789ABCDEFGHIJKL")).await;
    let garbage = app.get(&app.url("/v/x")).await;

    assert!(link.starts_with(&format!("{}/v/", app.base)), "{sms}");
    assert!(sms.len() <= 160, "{sms}");
    assert_eq!(page.status, 200, "{}", page.text);
    let code = app.status(&order).await["voucher_code"].clone();
    assert!(page.text.contains(code.as_str().unwrap()), "{}", page.text);
    assert_eq!((unknown.status, garbage.status), (404, 404));
}
