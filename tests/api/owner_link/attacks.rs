//! A stranger who knows an order id, from a log line or a list, or because they placed the order
//! and another phone paid for it.

use malipo::domain::order::OrderId;
use serde_json::{Value, json};

use super::{Kind, TestApp, TestOrder, owner_link, reissue, sold, true_code};
use crate::pages::{page, submit};

on_both_databases! {
    a_stranger_with_the_order_id_cannot_replace_the_code,
    the_owner_link_cannot_be_derived_from_the_order_id,
    after_a_reissue_the_order_id_shows_no_code,
    the_phone_that_paid_can_always_replace_the_code_again,
}

/// The link in the SMS of an earlier version: the order id in base 62.
fn first_edition_link(order: &TestOrder) -> String {
    let order_id: OrderId = order.id.parse().unwrap();
    format!("/v/{}", order_id.short())
}

/// Everything that a client with the order id could try, at each version that the order may have.
async fn try_to_replace(app: &TestApp, order: &TestOrder) {
    let short = first_edition_link(order);
    let paths = [
        format!("/order/{}/code", order.id),
        format!("/order/{}/reissue", order.id),
        format!("{short}/reissue"),
        format!("{short}/code"),
        format!("/v/{}/reissue", order.id),
        format!("/v/{}/reissue", order.id.replace('-', "")),
        format!(
            "/api/v1/customer-portal/payment/status/{}/reissue",
            order.id
        ),
        format!("/api/v1/operator/orders/{}/reissue", order.id),
    ];
    for path in paths {
        for seen in 1..6 {
            let answer = submit(app, &path, &[("seen", &seen.to_string())]).await;
            assert!(answer.status >= 400, "{path}: {}", answer.status);
        }
    }
}

async fn a_stranger_with_the_order_id_cannot_replace_the_code(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let code = true_code(&app, &order).await;

    try_to_replace(&app, &order).await;

    assert_eq!(true_code(&app, &order).await, code);
    let codes = app.database.count("SELECT COUNT(*) FROM vouchers").await;
    assert_eq!(codes, 1);
    let shown = page(&app, &format!("/order/{}", order.id)).await;
    assert!(shown.text.contains(&code), "{}", shown.text);
    assert!(!shown.text.contains("/reissue"), "{}", shown.text);
}

async fn the_owner_link_cannot_be_derived_from_the_order_id(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let other = sold(&app).await;

    let link = owner_link(&app, &order).await;

    assert_ne!(link, first_edition_link(&order));
    assert_ne!(link, owner_link(&app, &other).await);
    let token = link.strip_prefix("/v/").unwrap();
    assert_eq!(token.len(), 22, "{token}");
    // A client that has only the order id does not see it either.
    for path in [format!("/order/{}", order.id), first_edition_link(&order)] {
        let shown = page(&app, &path).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        assert!(!shown.text.contains(token), "{}", shown.text);
    }
    let status = app.status(&order).await.to_string();
    assert!(!status.contains(token), "{status}");
    // The page behind the link does not reveal the order id.
    let shown = page(&app, &link).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert!(!shown.text.contains(&order.id), "{}", shown.text);
}

async fn after_a_reissue_the_order_id_shows_no_code(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let old = true_code(&app, &order).await;
    let before = app.status(&order).await;
    assert_eq!(before["code_replaced"], false, "{before}");

    let new = reissue(&app, &order).await;

    let status = app.portal(&format!("/payment/status/{}", order.id));
    let documents = [
        app.get(&status).await.json(),
        app.get(&format!("{status}?wait=5")).await.json(),
        app.get(&format!("{status}?wait=5&since=1")).await.json(),
        event(&app.get(&format!("{status}/events")).await.text),
    ];
    for document in documents {
        let fields = json!({
            "status": document["payment_status"], "code": document["voucher_code"],
            "generated": document["voucher_generated"], "replaced": document["code_replaced"],
            "ends": document["expires_at"],
        });
        let expected = json!({
            "status": "COMPLETED", "code": null, "generated": true, "replaced": true,
            "ends": before["expires_at"],
        });
        assert_eq!(fields, expected, "{document}");
        assert_ne!(document["message"], before["message"]);
    }
    for path in [format!("/order/{}", order.id), first_edition_link(&order)] {
        let path = format!("{path}?login=http%3A%2F%2Fwifi.example%2Flogin");
        let shown = page(&app, &path).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        assert!(shown.text.contains("has a new code"), "{}", shown.text);
        for code in [&old, &new] {
            assert!(!shown.text.contains(code.as_str()), "{}", shown.text);
        }
    }
}

/// A stranger has a package charged to a victim's phone, and the victim takes the prompt for their
/// own.
async fn the_phone_that_paid_can_always_replace_the_code_again(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let stolen = true_code(&app, &order).await;
    let seen = app.status(&order).await["version"].as_i64().unwrap();
    let url = app.portal(&format!(
        "/payment/status/{}?wait=30&since={seen}",
        order.id
    ));

    // The stranger waits for the result, while the victim uses the link in the SMS.
    let (poll, new) = tokio::join!(app.get(&url), async {
        app.until_parked(1).await;
        reissue(&app, &order).await
    });
    try_to_replace(&app, &order).await;

    let document = poll.json();
    assert_eq!(document["version"], seen + 1, "{document}");
    assert_eq!(document["voucher_code"], Value::Null, "{document}");
    assert_eq!(true_code(&app, &order).await, new);
    let path = app.portal(&format!("/voucher/{stolen}"));
    assert_eq!(app.get(&path).await.json()["state"], "revoked");
    let shown = page(&app, &owner_link(&app, &order).await).await;
    assert!(shown.text.contains(&new), "{}", shown.text);
    let path = app.portal(&format!("/voucher/{new}"));
    assert_eq!(app.get(&path).await.json()["state"], "new");
}

/// The document of the only event of a stream that has ended.
fn event(stream: &str) -> Value {
    let data = stream.lines().find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(data.unwrap()).unwrap()
}
