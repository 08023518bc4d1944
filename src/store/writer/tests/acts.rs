//! Work that reads and writes by itself: on SQLite it shares the commit of a batch.

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use super::{Scene, is_ok, sell};
use crate::store::StoreError;

/// SQLite's write lock, so that what is begun meanwhile waits.
const WRITE_LOCK: TransactionOptions = TransactionOptions {
    isolation_level: None,
    access_mode: None,
    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
};

#[tokio::test]
async fn a_purchase_and_a_lease_share_the_commit_of_the_sales_beside_them() {
    let scene = Scene::sqlite().await;
    let orders = scene.orders(4).await;
    scene.write(vec![sell(&orders[0])]).await;
    let before = scene.transactions().await;
    let held = scene.beside.begin_with_options(WRITE_LOCK).await.unwrap();

    // The lane waits with the first; all else is the next batch.
    let mut first = Box::pin(scene.store.commit(sell(&orders[1])));
    assert!((&mut first).now_or_never().is_none());
    scene.until_queued(0).await;
    let mut sales: Vec<_> = (orders[2..].iter())
        .map(|order| Box::pin(scene.store.commit(sell(order))))
        .collect();
    assert!(join_all(&mut sales).now_or_never().is_none());
    let now = scene.store.clock().now() + TimeDelta::seconds(1);
    let mut lease = Box::pin(scene.store.claim_sms(now, TimeDelta::minutes(2), 8));
    assert!((&mut lease).now_or_never().is_none());
    let purchase = Box::pin(scene.order("0799999999", None));
    let released = async {
        scene.until_queued(4).await;
        held.rollback().await.unwrap();
    };

    let (first, sales, claimed, bought, ()) =
        tokio::join!(first, join_all(sales), lease, purchase, released);
    assert!(first.is_ok() && is_ok(&sales), "{first:?} {sales:?}");
    // Of the sales before the batch, and of those in it.
    assert_eq!(claimed.unwrap().len(), 4);
    assert!(bought.id > orders[3].id);
    assert_eq!(scene.transactions().await - before, 2);
}

#[tokio::test]
async fn work_that_fails_writes_nothing_and_costs_none_of_the_sales_beside_it() {
    let scene = Scene::sqlite().await;
    let orders = scene.orders(4).await;
    let held = scene.beside.begin_with_options(WRITE_LOCK).await.unwrap();
    let mut first = Box::pin(scene.store.commit(sell(&orders[0])));
    assert!((&mut first).now_or_never().is_none());
    scene.until_queued(0).await;

    let mut failing = Box::pin(scene.store.share(|txn| {
        Box::pin(async move {
            txn.execute_unprepared("UPDATE payments SET asks = 99")
                .await?;
            Err::<(), _>(StoreError::Corrupt("wanted".to_owned()))
        })
    }));
    assert!((&mut failing).now_or_never().is_none());
    let mut sales: Vec<_> = (orders[1..].iter())
        .map(|order| Box::pin(scene.store.commit(sell(order))))
        .collect();
    assert!(join_all(&mut sales).now_or_never().is_none());
    held.rollback().await.unwrap();

    let (first, failed, sales) = tokio::join!(first, failing, join_all(sales));
    assert!(first.is_ok() && is_ok(&sales), "{first:?} {sales:?}");
    assert!(matches!(failed, Err(StoreError::Corrupt(_))), "{failed:?}");
    for order in &orders {
        assert!(scene.is_sold(order).await);
    }
    let touched = "SELECT COUNT(*) FROM payments WHERE asks = 99";
    assert_eq!(scene.count(touched).await, 0);
}
