//! Orders that get no new code: the day's limit is reached, or the voucher cannot be used any more.

use super::new_code::{replace, version};
use super::{ask_for_new_code, code_of, refund, sell};
use crate::harness::{Kind, TOKEN, TestApp, TestOrder};

on_both_databases! {
    after_three_codes_in_a_day_the_guest_gets_an_explanation,
    an_order_without_a_usable_voucher_gets_no_new_code,
}

async fn after_three_codes_in_a_day_the_guest_gets_an_explanation(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, _) = sell(&app, "daily").await;
    for _ in 0..3 {
        replace(&app, &order).await;
    }
    let code = code_of(&app, &order).await;

    let fourth = ask_for_new_code(&app, &order, version(&app, &order).await).await;

    assert_eq!(fourth.status, 429, "{}", fourth.text);
    assert!(fourth.text.contains("enough for today"), "{}", fourth.text);
    assert!(fourth.text.contains(&code), "it still works");
    let wait: u64 = fourth.header("retry-after").unwrap().parse().unwrap();
    assert!((86_000..=86_400).contains(&wait), "{wait}");
    assert_eq!(code_of(&app, &order).await, code);

    // A day later another code is allowed.
    let day_ago = match kind {
        Kind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', revoked_at, '-25 hours')",
        Kind::Postgres => "revoked_at - interval '25 hours'",
    };
    let aged = format!("UPDATE vouchers SET revoked_at = {day_ago} WHERE revoked_at IS NOT NULL");
    assert_eq!(app.database.execute(&aged).await, 3);
    replace(&app, &order).await;
    let kinds = "SELECT kind FROM sms_messages ORDER BY id";
    let kinds = app.database.texts(kinds).await;
    let expected = [
        "voucher",
        "voucher-2",
        "voucher-3",
        "voucher-4",
        "voucher-5",
    ];
    assert_eq!(kinds, expected);
}

async fn an_order_without_a_usable_voucher_gets_no_new_code(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.actors.idle_secs = 0).await;
    let refused = async |order: &TestOrder| {
        let seen = version(&app, order).await;
        let codes = "SELECT COUNT(*) FROM vouchers WHERE former_payment_id IS NOT NULL";
        let answer = ask_for_new_code(&app, order, seen).await;
        assert_eq!(answer.status, 409, "{}", answer.text);
        assert_eq!(app.database.count(codes).await, 0);
        assert_eq!(version(&app, order).await, seen);
    };
    let unpaid = app.buy().await;
    refused(&unpaid).await;

    let (paid_back, _) = sell(&app, "daily").await;
    refund(&app, &paid_back).await;
    refused(&paid_back).await;

    let (revoked, code) = sell(&app, "daily").await;
    let path = format!("/api/v1/operator/vouchers/{code}/revoke");
    let request = app.http.post(app.url(&path)).bearer_auth(TOKEN);
    assert_eq!(request.send().await.unwrap().status(), 200);
    refused(&revoked).await;

    let (ended, code) = sell(&app, "daily").await;
    let past = format!(
        "UPDATE vouchers SET expires_at = '2021-01-01 00:00:00+00:00' WHERE code = '{code}'"
    );
    assert_eq!(app.database.execute(&past).await, 1);
    // Passivate the actor, so that the database is read.
    app.actors_when(|_| {
        app.app.api.orders.passivate_idle();
        app.app.api.orders.views().is_empty()
    })
    .await;
    refused(&ended).await;

    // An unknown order or a form that is not ours has no effect either.
    let unknown_order = TestOrder {
        id: uuid::Uuid::new_v4().to_string(),
        ..unpaid
    };
    assert_eq!(ask_for_new_code(&app, &unknown_order, 1).await.status, 404);
}
