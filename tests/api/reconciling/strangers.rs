//! A stranger creates orders that are never paid, and sends unverified webhooks about them. Guests
//! whose webhook was lost are still checked in time.

use std::time::{Duration, Instant};

use actix_web::rt::time::interval;
use malipo::config::Config;

use super::zenopay::{FakeZenoPay, Says};
use super::{LONG_AGO, eventually};
use crate::harness::{Kind, TestApp, TestOrder, body_of};

on_both_databases! {
    the_order_that_is_longest_overdue_is_checked_before_all_newer_ones_were,
    a_paid_guest_beside_sixty_orders_and_unverified_webhooks_of_a_stranger_is_sold_to_within_twice_the_time,
}

const PACE: u32 = 5;
/// A due time that has passed, but later than [`LONG_AGO`].
const LATER: &str = "2020-01-01T00:00:01+00:00";

fn pace(config: &mut Config) {
    config.zenopay.asks_per_sec = PACE;
}

async fn the_order_that_is_longest_overdue_is_checked_before_all_newer_ones_were(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, pace).await;
    zenopay.says_of_all(Says::Status("PENDING"));
    let guest = zenopay.buy(&app).await;
    for _ in 0..30 {
        zenopay.buy(&app).await;
    }

    let is_guest = app.database.is_order(&guest.id);
    let (longest, shorter) = match kind {
        Kind::Sqlite => (format!("'{LONG_AGO}'"), format!("'{LATER}'")),
        Kind::Postgres => (
            format!("'{LONG_AGO}'::timestamptz"),
            format!("'{LATER}'::timestamptz"),
        ),
    };
    let all_due = format!(
        "UPDATE payments SET due_at = CASE WHEN {is_guest} THEN {longest} ELSE {shorter} END"
    );
    let before = zenopay.asked_in_all();
    app.database.execute(&all_due).await;
    eventually("it is checked", async || zenopay.asked(&guest) > 0).await;

    let asked = zenopay.asked_ids();
    let at = asked[before..].iter().position(|id| *id == guest.id);
    // At most eight are checked at once, and it is among the first two to be claimed.
    assert!(at.is_some_and(|at| at < 8), "{at:?} of {}", asked.len());
}

async fn a_paid_guest_beside_sixty_orders_and_unverified_webhooks_of_a_stranger_is_sold_to_within_twice_the_time(
    kind: Kind,
) {
    let (zenopay, of_calm) = (FakeZenoPay::start(), FakeZenoPay::start());
    let busy = zenopay.shop(kind, pace).await;
    let calm = of_calm.shop(kind, pace).await;
    zenopay.says_of_all(Says::Status("PENDING"));
    let mut strangers = Vec::new();
    for _ in 0..30 {
        strangers.push(zenopay.buy(&busy).await);
    }
    let guest = zenopay.buy(&busy).await;
    let alone = of_calm.buy(&calm).await;
    let begun = Instant::now();
    zenopay.says(&guest, Says::Status("COMPLETED"));
    of_calm.says(&alone, Says::Status("COMPLETED"));
    // Newer than the guest's order as well.
    for _ in 0..30 {
        strangers.push(zenopay.buy(&busy).await);
    }
    ask_first_after_fifteen_seconds(&busy, &guest).await;
    ask_first_after_fifteen_seconds(&calm, &alone).await;

    let sold = async {
        tokio::join!(
            sold_after(&busy, &guest, begun),
            sold_after(&calm, &alone, begun)
        )
    };
    let (disturbed, undisturbed) = tokio::select! {
        times = sold => times,
        () = keep_sending_unverified(&busy, &strangers) => unreachable!("it never ends"),
    };

    assert!(
        disturbed <= 2 * undisturbed,
        "{disturbed:?} instead of {undisturbed:?}"
    );
    let asked = zenopay.asked_in_all() as f64;
    let allowed = f64::from(PACE) * (1.0 + begun.elapsed().as_secs_f64()) + 1.0;
    assert!(
        asked <= allowed,
        "{asked} checks where {allowed} are allowed"
    );
}

/// The scheduled time without its random spread, which would make one of the two earlier.
async fn ask_first_after_fifteen_seconds(app: &TestApp, order: &TestOrder) {
    let of = app.database.is_order(&order.id);
    let due = match app.database.kind {
        Kind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', created_at, '+15 seconds')",
        Kind::Postgres => "created_at + interval '15 seconds'",
    };
    let sql = format!("UPDATE payments SET due_at = {due} WHERE {of}");
    assert_eq!(app.database.execute(&sql).await, 1);
}

/// Read from the database, because an order with a waiting guest would be checked first.
async fn sold_after(app: &TestApp, order: &TestOrder, begun: Instant) -> Duration {
    let of = app.database.is_order(&order.id);
    let sql = format!("SELECT COUNT(*) FROM payments WHERE {of} AND status = 'COMPLETED'");
    eventually("the guest's order is sold", async || {
        app.database.count(&sql).await == 1
    })
    .await;
    begun.elapsed()
}

/// Sends six unverified webhooks a second, about each order in turn.
async fn keep_sending_unverified(app: &TestApp, orders: &[TestOrder]) {
    let mut pace = interval(Duration::from_millis(166));
    for order in orders.iter().cycle() {
        pace.tick().await;
        let hint = app.unproven(body_of(&order.id, "COMPLETED"));
        assert_eq!(hint.send().await.unwrap().status().as_u16(), 401);
    }
}
