//! Viewing an old open order starts a status check, and the request does not wait for it.

use super::eventually;
use super::zenopay::{FakeZenoPay, Says};
use crate::harness::{Kind, SaleCounts, TestApp, TestOrder};
use crate::pages::page;

on_both_databases! {
    viewing_an_old_open_order_finds_its_money_long_before_the_schedule,
    the_page_of_an_old_open_order_finds_its_money_too,
    many_views_cause_one_status_check_and_a_view_of_a_young_order_none,
}

/// Makes the order an hour old and due tomorrow.
async fn age(app: &TestApp, order: &TestOrder) {
    let of = app.database.is_order(&order.id);
    let (earlier, later) = match app.database.kind {
        Kind::Sqlite => (
            "strftime('%Y-%m-%dT%H:%M:%f+00:00', created_at, '-1 hours')",
            "strftime('%Y-%m-%dT%H:%M:%f+00:00', created_at, '+1 days')",
        ),
        Kind::Postgres => (
            "created_at - interval '1 hour'",
            "created_at + interval '1 day'",
        ),
    };
    let sql = format!(
        "UPDATE payments SET created_at = {earlier}, due_at = {later}, deadline_at = {later} WHERE {of}"
    );
    assert_eq!(app.database.execute(&sql).await, 1);
}

async fn viewing_an_old_open_order_finds_its_money_long_before_the_schedule(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let order = zenopay.buy(&app).await;
    age(&app, &order).await;
    zenopay.says(&order, Says::Status("COMPLETED"));

    let seen = app.status(&order).await;

    assert_eq!(
        seen["payment_status"], "PENDING",
        "the request does not wait"
    );
    app.wait_for(&order, "COMPLETED").await;
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn the_page_of_an_old_open_order_finds_its_money_too(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let order = zenopay.buy(&app).await;
    age(&app, &order).await;
    zenopay.says(&order, Says::Status("COMPLETED"));

    page(&app, &format!("/order/{}", order.id)).await;

    // Read from the database, because a look at the status is a view too.
    eventually("the payment is found", async || {
        app.sale_of(&order).await == SaleCounts::ONE
    })
    .await;
}

async fn many_views_cause_one_status_check_and_a_view_of_a_young_order_none(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    zenopay.says_of_all(Says::Status("PENDING"));
    let (old, young, last) = (
        zenopay.buy(&app).await,
        zenopay.buy(&app).await,
        zenopay.buy(&app).await,
    );
    age(&app, &old).await;
    age(&app, &last).await;

    for _ in 0..20 {
        app.status(&old).await;
        app.status(&young).await;
    }
    eventually("it is checked", async || zenopay.asked(&old) > 0).await;
    // By now every check that the earlier views have caused is in progress.
    app.status(&last).await;
    eventually("the other one is checked", async || {
        zenopay.asked(&last) > 0
    })
    .await;

    assert_eq!(zenopay.asked(&old), 1);
    assert_eq!(zenopay.asked(&young), 0);
}
