//! A sale that fails at each of its points, by an error, by a panic, and by the end of the process:
//! it is never written in part, an acknowledged sale is there, and sending again makes one sale.

use malipo::failpoint::{Action, Point};
use strum::VariantArray;

use crate::harness::client::Client;
use crate::harness::pool;
use crate::harness::process::Process;
use crate::harness::{Answer, Kind, SaleCounts, TestApp, TestDatabase, TestOrder};

on_both_databases! {
    an_error_at_any_point_leaves_all_or_nothing_and_the_next_copy_one_sale,
    a_panic_at_any_point_leaves_all_or_nothing_and_the_next_copy_one_sale,
    the_end_of_the_process_at_any_point_leaves_all_or_nothing_and_the_next_copy_one_sale,
    a_guest_whose_notice_is_lost_gets_the_sale_when_the_wait_ends,
}

/// The rows that an order has after its delivery failed at this point.
fn expected_rows(at: Point) -> SaleCounts {
    match at {
        Point::BeforeBegin
        | Point::AfterBegin
        | Point::AfterPayment
        | Point::AfterRows
        | Point::BeforeCommit => SaleCounts::NONE,
        Point::AfterCommit | Point::BeforeNotice | Point::BeforeAnswer => SaleCounts::ONE,
    }
}

async fn an_error_at_any_point_leaves_all_or_nothing_and_the_next_copy_one_sale(kind: Kind) {
    let app = TestApp::start(kind).await;
    for &at in Point::VARIANTS {
        let (order, failed) = fail(&app, at, Action::Error).await;

        // Before COMMIT is sent it is known that there is no sale, and the journal has the failure;
        // afterwards the result is unknown.
        let end_is_known = !matches!(
            at,
            Point::BeforeCommit | Point::AfterCommit | Point::BeforeNotice | Point::BeforeAnswer
        );
        let (code, noted) = match end_is_known {
            true => ((500, "internal".to_owned()), 1),
            false => ((503, "commit_unknown".to_owned()), 0),
        };
        assert_eq!(failed.verdict(), code, "{at:?}");
        assert_eq!(app.journal(&order.id, "error").await, noted, "{at:?}");
        assert_sold_by_the_next_copy(&app, &order, at).await;
    }
    pool::assert_clean(&app).await;
}

async fn a_panic_at_any_point_leaves_all_or_nothing_and_the_next_copy_one_sale(kind: Kind) {
    let app = TestApp::start(kind).await;
    for &at in Point::VARIANTS {
        let (order, failed) = fail(&app, at, Action::Panic).await;

        // The actor that died before the notice is replaced, and the new one finds the sale. From
        // the moment COMMIT is sent the result is unknown.
        let wanted = match at {
            Point::BeforeNotice => 200,
            Point::BeforeCommit | Point::AfterCommit | Point::BeforeAnswer => 503,
            _ => 500,
        };
        assert_eq!(failed.status, wanted, "{at:?}: {}", failed.text);
        assert_sold_by_the_next_copy(&app, &order, at).await;
    }
    pool::assert_clean(&app).await;
}

/// Delivers COMPLETED for a new order, which fails at this point. Tried again with another order if the
/// failure met the status check of an earlier one, whose change was in the same batch.
async fn fail(app: &TestApp, at: Point, action: Action) -> (TestOrder, Answer) {
    for _ in 0..10 {
        let order = app.buy().await;
        app.app.api.store.failpoints().arm(at, action);

        let failed = app.deliver_word(&order, "COMPLETED").await;

        assert!(
            !app.app.api.store.failpoints().is_armed(),
            "{at:?} was not reached"
        );
        if failed.verdict() == (200, "completed".to_owned()) {
            assert_eq!(app.sale_of(&order).await, SaleCounts::ONE, "{at:?}");
            continue;
        }
        assert_eq!(app.sale_of(&order).await, expected_rows(at), "{at:?}");
        return (order, failed);
    }
    panic!("{at:?}: each delivery was answered as if it had not failed");
}

async fn assert_sold_by_the_next_copy(app: &TestApp, order: &TestOrder, at: Point) {
    let again = app.deliver_word(order, "COMPLETED").await;

    let outcome = match expected_rows(at) {
        SaleCounts::NONE => "completed",
        _ => "duplicate",
    };
    assert_eq!(again.verdict(), (200, outcome.to_owned()), "{at:?}");
    assert_eq!(app.sale_of(order).await, SaleCounts::ONE, "{at:?}");
    assert_eq!(app.journal(&order.id, "completed").await, 1, "{at:?}");
    // The guest sees it as well.
    let shown = app.status(order).await;
    assert_eq!(shown["payment_status"], "COMPLETED", "{at:?}: {shown}");
}

async fn the_end_of_the_process_at_any_point_leaves_all_or_nothing_and_the_next_copy_one_sale(
    kind: Kind,
) {
    let database = TestDatabase::create(kind).await;
    let mut died = Vec::new();
    for &at in Point::VARIANTS {
        let armed = format!("{at:?}=Exit");
        let mut process = Process::serve(&database.url, &[("MALIPO_FAILPOINT", &armed)]);
        let client = Client::of(&process);
        let order_id = client.buy().await;

        let answer = client.deliver(&order_id).await;

        assert_eq!(answer, None, "{at:?} was not reached");
        // The process ended by a signal, so there is no exit code.
        assert_eq!(process.wait(), None, "{at:?}");
        assert_eq!(
            database.sale_of(&order_id).await,
            expected_rows(at),
            "{at:?}"
        );
        died.push((at, order_id));
    }

    let process = Process::serve(&database.url, &[]);
    let client = Client::of(&process);
    for (at, order_id) in died {
        assert_eq!(client.deliver(&order_id).await, Some(200), "{at:?}");
        assert_eq!(database.sale_of(&order_id).await, SaleCounts::ONE, "{at:?}");
        let winners = format!(
            "SELECT COUNT(*) FROM webhook_deliveries
             WHERE order_id = '{order_id}' AND outcome = 'completed'"
        );
        assert_eq!(database.count(&winners).await, 1, "{at:?}");
    }
}

async fn a_guest_whose_notice_is_lost_gets_the_sale_when_the_wait_ends(kind: Kind) {
    let app = TestApp::start(kind).await;
    for at in [Point::AfterCommit, Point::BeforeNotice] {
        let order = app.buy().await;
        let poll = app.portal(&format!("/payment/status/{}?wait=6&since=1", order.id));
        let failing = async {
            app.until_parked(1).await;
            app.app.api.store.failpoints().arm(at, Action::Error);
            app.deliver_word(&order, "COMPLETED").await
        };

        let (polled, failed) = tokio::join!(app.get(&poll), failing);

        assert_eq!(failed.status, 503, "{at:?}: {}", failed.text);
        assert_eq!(polled.json()["payment_status"], "COMPLETED", "{at:?}");
    }
}
