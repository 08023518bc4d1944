//! "Sent" is what malipo did; "delivered" is what the provider reports.

use super::gateway::{Does, FakeGateway};
use super::{by_nextsms, column, sell, state};
use crate::harness::{Kind, TestApp, TestOrder};
use crate::reconciling::eventually;

on_both_databases! {
    a_receipt_is_requested_and_recorded_as_the_provider_gives_it,
    a_message_that_is_sent_again_forgets_the_receipt_of_the_copy_before,
}

async fn sent(app: &TestApp) -> TestOrder {
    let order = sell(app).await;
    eventually("it is sent", async || state(app, &order).await == "sent").await;
    order
}

async fn make_receipts_due(app: &TestApp) {
    let sql = "UPDATE sms_messages SET receipt_due_at = '2020-01-01T00:00:00+00:00'
               WHERE receipt_due_at IS NOT NULL";
    app.database.execute(sql).await;
}

async fn a_receipt_is_requested_and_recorded_as_the_provider_gives_it(kind: Kind) {
    let gateway = FakeGateway::that(Does::Take);
    let app = TestApp::start_with(kind, by_nextsms(&gateway)).await;

    let order = sent(&app).await;
    assert!(column(&app, &order, "receipt_due_at").await.is_some());
    make_receipts_due(&app).await;
    eventually("it is asked for", async || gateway.reports_asked() == 1).await;
    assert_eq!(
        column(&app, &order, "receipt").await,
        None,
        "it is still under way"
    );

    gateway.now_reports("DELIVERED");
    make_receipts_due(&app).await;
    eventually("it is delivered", async || {
        column(&app, &order, "receipt").await.as_deref() == Some("delivered")
    })
    .await;
    assert!(column(&app, &order, "receipt_at").await.is_some());
    assert_eq!(column(&app, &order, "receipt_due_at").await, None);

    gateway.now_reports("UNDELIVERABLE");
    let other = sent(&app).await;
    make_receipts_due(&app).await;
    eventually("it is not delivered", async || {
        column(&app, &other, "receipt").await.as_deref() == Some("undelivered")
    })
    .await;
    assert_eq!(
        column(&app, &other, "receipt_detail").await.as_deref(),
        Some("AS_REPORTED")
    );
    assert_eq!(state(&app, &other).await, "sent", "that is what we did");
}

async fn a_message_that_is_sent_again_forgets_the_receipt_of_the_copy_before(kind: Kind) {
    let gateway = FakeGateway::that(Does::Take);
    let app = TestApp::start_with(kind, by_nextsms(&gateway)).await;
    gateway.now_reports("UNDELIVERABLE");
    let order = sent(&app).await;
    make_receipts_due(&app).await;
    eventually("it is not delivered", async || {
        column(&app, &order, "receipt").await.is_some()
    })
    .await;

    let id: i64 = column(&app, &order, "id").await.unwrap().parse().unwrap();
    let settings = crate::harness::config(&app.database.url).database;
    let second_store = malipo::store::Store::open_beside(&settings).await.unwrap();
    second_store.resend_sms(id, None).await.unwrap();

    eventually("the copy is sent", async || gateway.sent().len() == 2).await;
    eventually("its receipt is awaited", async || {
        column(&app, &order, "receipt_due_at").await.is_some()
    })
    .await;
    assert_eq!(column(&app, &order, "receipt").await, None);
    assert_eq!(
        column(&app, &order, "provider_message_id").await.as_deref(),
        Some("2")
    );
}
