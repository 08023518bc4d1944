//! A change is written only to the version of its payment that it was decided on.

use futures_util::future::join_all;

use super::{Scene, ask, confirm, fail, keep, sell};
use crate::domain::order::Payment;
use crate::store::{Change, StoreError};

on_both_databases! {
    a_change_decided_on_an_older_version_writes_nothing_and_its_neighbours_are_written,
    of_two_changes_of_one_order_at_once_one_is_written,
}

/// Each way to change or to keep a payment in a batch.
const KINDS: [fn(&Payment) -> Change; 5] = [sell, fail, confirm, ask, keep];

async fn a_change_decided_on_an_older_version_writes_nothing_and_its_neighbours_are_written(
    scene: Scene,
) {
    let orders = scene.orders(2 * KINDS.len()).await;
    let (fresh, stale) = orders.split_at(KINDS.len());
    for order in stale {
        let raised = format!(
            "UPDATE payments SET version = 2, due_at = NULL WHERE id = {}",
            order.id
        );
        scene.execute(&raised).await;
    }
    // One after the other, so that each statement of the batch has both.
    let changes = (KINDS.iter().zip(fresh).zip(stale))
        .flat_map(|((change, fresh), stale)| [change(fresh), change(stale)]);

    let answers = scene.write(changes.collect()).await;

    for (number, pair) in answers.chunks(2).enumerate() {
        assert!(pair[0].is_ok(), "{number}: {pair:?}");
        let is_conflict = matches!(pair[1], Err(StoreError::Conflict));
        assert!(is_conflict, "{number}: {pair:?}");
    }
    assert!(scene.is_sold(&fresh[0]).await);
    let untouched = "SELECT COUNT(*) FROM payments WHERE status = 'PENDING' AND version = 2 \
         AND due_at IS NULL AND transid IS NULL";
    assert_eq!(scene.count(untouched).await, 5);
    for order in stale {
        assert!(!is_journalled(&scene, order).await);
    }
    for order in fresh {
        assert!(is_journalled(&scene, order).await);
    }
    assert_eq!(scene.count("SELECT COUNT(*) FROM invoices").await, 1);
}

async fn is_journalled(scene: &Scene, order: &Payment) -> bool {
    let lines = format!(
        "SELECT COUNT(*) FROM webhook_deliveries WHERE order_id = '{}'",
        order.order_id
    );
    scene.count(&lines).await == 1
}

/// A failure has no unique key, so only the guard prevents the second one, in whatever lane it is
/// written.
async fn of_two_changes_of_one_order_at_once_one_is_written(scene: Scene) {
    let orders = scene.orders(20).await;
    let twice = orders.iter().flat_map(|order| [order, order]);

    let answers = join_all(twice.map(|order| scene.store.commit(fail(order)))).await;

    for pair in answers.chunks(2) {
        let is_one = matches!(
            pair,
            [Ok(()), Err(StoreError::Conflict)] | [Err(StoreError::Conflict), Ok(())]
        );
        assert!(is_one, "{pair:?}");
    }
    for order in &orders {
        assert!(is_journalled(&scene, order).await);
    }
}
