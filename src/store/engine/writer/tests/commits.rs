//! A commit whose result is not known, and a lane that dies.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use sea_orm::{SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::time::timeout;

use super::{Scene, is_ok, sell};
use crate::failpoint::{Action, Point};
use crate::store::StoreError;
use crate::store::engine::connect::POSTGRES_LANES;
use crate::supervisor::Task;

/// How long a test waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

on_both_databases! {
    a_commit_that_fails_or_whose_answer_is_lost_is_unknown_to_all_of_its_batch,
    sales_are_written_although_every_lane_has_died,
}

async fn a_commit_that_fails_or_whose_answer_is_lost_is_unknown_to_all_of_its_batch(scene: Scene) {
    let cases = [
        (Point::BeforeCommit, Action::Error),
        (Point::BeforeCommit, Action::Panic),
        (Point::AfterCommit, Action::Error),
        (Point::AfterCommit, Action::Panic),
    ];
    let all = scene.orders(5 * cases.len()).await;
    for ((at, action), orders) in cases.into_iter().zip(all.chunks(5)) {
        scene.store.failpoints().arm(at, action);

        let answers = scene.write(orders[..4].iter().map(sell).collect()).await;

        for answer in answers {
            let is_unknown = matches!(answer, Err(StoreError::CommitUnknown(_)));
            assert!(is_unknown, "{at:?} {action:?}: {answer:?}");
        }
        let sold = join_all(orders[..4].iter().map(|order| scene.is_sold(order))).await;
        assert_eq!(sold, [at == Point::AfterCommit; 4], "{at:?} {action:?}");
        // The lane and its connection still work.
        assert!(is_ok(&scene.write(vec![sell(&orders[4])]).await));
    }
}

/// The supervisor restarts each lane.
async fn sales_are_written_although_every_lane_has_died(scene: Scene) {
    let orders = scene.orders(3).await;
    let lanes = match scene.folder {
        Some(_) => 1,
        None => POSTGRES_LANES,
    };
    for _ in 0..lanes {
        scene.store.inner.supervisor.arm_panic(Task::Writer);
    }

    let sales = orders.iter().map(|order| async {
        let answer = scene.store.commit(sell(order)).await;
        // A lane may have taken the change before it died.
        match answer {
            Err(StoreError::CommitUnknown(_)) => scene.store.commit(sell(order)).await,
            answer => answer,
        }
    });
    let answers = timeout(PATIENCE, join_all(sales)).await.unwrap();

    assert!(is_ok(&answers), "{answers:?}");
    assert!(!scene.store.inner.supervisor.failed().is_empty());
}

/// On SQLite, where a test can stop a lane within its transaction.
#[tokio::test]
async fn a_sale_whose_lane_dies_is_unknown_and_those_behind_it_are_written() {
    let scene = Scene::sqlite().await;
    let orders = scene.orders(3).await;
    let write_lock = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    let held = scene.beside.begin_with_options(write_lock).await.unwrap();
    let begun: Vec<_> = (orders.iter())
        .map(|order| Box::pin(scene.store.commit(sell(order))))
        .collect();
    let [mut first, mut second, mut third] = <[_; 3]>::try_from(begun).ok().unwrap();
    assert!((&mut first).now_or_never().is_none());
    scene.until_queued(0).await;
    // These wait for the lane that replaces it.
    assert!((&mut second).now_or_never().is_none());
    assert!((&mut third).now_or_never().is_none());

    scene.store.inner.supervisor.arm_panic(Task::Writer);
    held.rollback().await.unwrap();

    let answer = timeout(PATIENCE, first).await.unwrap();
    assert!(
        matches!(answer, Err(StoreError::CommitUnknown(_))),
        "{answer:?}"
    );
    assert!(!scene.is_sold(&orders[0]).await);
    for answer in [second, third] {
        assert!(timeout(PATIENCE, answer).await.unwrap().is_ok());
    }
    // A second attempt has a known result.
    assert!(scene.store.commit(sell(&orders[0])).await.is_ok());
}
