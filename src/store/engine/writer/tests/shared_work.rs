//! Work that is not a change of an order: on SQLite it shares the commit of a batch.

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use super::{Scene, is_ok, sell};
use crate::store::{SentSms, StoreError};

on_both_databases! {
    an_attempt_that_the_database_refuses_costs_none_that_is_recorded_with_it,
    no_receipt_is_requested_for_an_sms_whose_customer_was_erased,
}

/// Takes SQLite's write lock, so that other writes wait.
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

    // The lane waits with the first sale; all others are the next batch.
    let mut first = Box::pin(scene.store.commit(sell(&orders[1])));
    assert!((&mut first).now_or_never().is_none());
    scene.until_queued(0).await;
    let mut sales: Vec<_> = (orders[2..].iter())
        .map(|order| Box::pin(scene.store.commit(sell(order))))
        .collect();
    assert!(join_all(&mut sales).now_or_never().is_none());
    let now = scene.store.clock().now() + TimeDelta::seconds(1);
    let mut lease = Box::pin(scene.store.claim_sms(now..now + TimeDelta::minutes(2), 8));
    assert!((&mut lease).now_or_never().is_none());
    let purchase = Box::pin(scene.order("0799999999", None));
    let released = async {
        scene.until_queued(4).await;
        held.rollback().await.unwrap();
    };

    let (first, sales, claimed, bought, ()) =
        tokio::join!(first, join_all(sales), lease, purchase, released);
    assert!(first.is_ok() && is_ok(&sales), "{first:?} {sales:?}");
    // The SMS of the first sale. Due rows are read before the others are written.
    assert_eq!(claimed.unwrap().len(), 1);
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

async fn sent(scene: &Scene, message_ids: &[&str]) -> Result<(), StoreError> {
    let orders = scene.orders(message_ids.len()).await;
    scene.write(orders.iter().map(sell).collect()).await;
    let now = scene.store.clock().now() + TimeDelta::seconds(1);
    let claimed = scene
        .store
        .claim_sms(now..now + TimeDelta::minutes(2), 8)
        .await;
    let attempts = claimed.unwrap().into_iter().zip(message_ids);
    let attempts = attempts.map(|(sms, message_id)| {
        let attempt = Ok(SentSms {
            provider: "nextsms",
            message_id: Some((*message_id).to_owned()),
            parts: None,
            receipt_due_at: None,
            at: now,
            alert: None,
        });
        (sms, attempt)
    });
    scene.store.record_attempts(attempts.collect()).await
}

async fn an_attempt_that_the_database_refuses_costs_none_that_is_recorded_with_it(scene: Scene) {
    let trigger = match &scene.folder {
        Some(_) => {
            "CREATE TRIGGER poison BEFORE UPDATE ON sms_messages \
             WHEN NEW.provider_message_id = 'poison' \
             BEGIN SELECT RAISE(ABORT, 'poison'); END"
        }
        None => {
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF NEW.provider_message_id = 'poison' THEN RAISE EXCEPTION 'poison'; END IF; \
             RETURN NEW; END $$; \
             CREATE TRIGGER poison BEFORE UPDATE ON sms_messages \
             FOR EACH ROW EXECUTE FUNCTION poison()"
        }
    };
    scene.execute(trigger).await;

    let recorded = sent(&scene, &["a", "poison", "c"]).await;

    let refused = recorded.unwrap_err().to_string();
    assert!(refused.contains("poison"), "{refused}");
    let both = "SELECT COUNT(*) FROM sms_messages WHERE state = 'sent'";
    assert_eq!(scene.count(both).await, 2);
}

async fn no_receipt_is_requested_for_an_sms_whose_customer_was_erased(scene: Scene) {
    sent(&scene, &["erased", "kept"]).await.unwrap();
    scene
        .execute("UPDATE sms_messages SET receipt_due_at = due_at")
        .await;
    let erase = "UPDATE sms_messages SET provider_message_id = NULL \
         WHERE provider_message_id = 'erased'";
    scene.execute(erase).await;

    let later = scene.store.clock().now() + TimeDelta::hours(1);
    let lease = later..later + TimeDelta::minutes(2);
    let claimed = scene.store.claim_receipts("nextsms", lease, 8).await;

    let claimed = claimed.unwrap();
    let names = claimed.iter().map(|sms| sms.provider_message_id.as_deref());
    assert_eq!(names.collect::<Vec<_>>(), [Some("kept")]);
}
