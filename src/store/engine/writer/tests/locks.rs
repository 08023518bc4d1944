//! Rows that another session has locked. PostgreSQL only: SQLite locks no rows.

use std::time::Duration;

use futures_util::future::join_all;
use sea_orm::DatabaseTransaction;
use tokio::time::timeout;

use super::{Scene, answer_of, sell};
use crate::domain::order::Payment;
use crate::store::StoreError;
use crate::store::engine::writer::SINGLES_MAX;

async fn lock(scene: &Scene, orders: &[Payment]) -> DatabaseTransaction {
    let ids: Vec<_> = orders.iter().map(|order| order.id.to_string()).collect();
    let query = format!("SELECT id FROM payments WHERE id IN ({})", ids.join(", "));
    scene.hold(&query).await
}

#[tokio::test]
async fn a_sale_whose_order_is_locked_waits_and_its_neighbours_share_their_commit() {
    let scene = Scene::postgres().await;
    let orders = scene.orders(4).await;
    let held = lock(&scene, &orders[1..2]).await;

    let batch = orders.iter().map(sell).collect();
    let mut answers = scene.begin_writing(batch).await;
    let mut waits = answers.remove(1);
    for answer in answers {
        assert!(answer_of(answer).await.is_ok());
    }

    // If the lane had waited for the row, it would have tried the batch again by halves.
    assert_eq!(scene.transactions().await, 1);
    assert!(waits.try_recv().is_err(), "the row is still locked");
    held.rollback().await.unwrap();
    assert!(answer_of(waits).await.is_ok());
    assert!(scene.is_sold(&orders[1]).await);
}

#[tokio::test]
async fn a_single_sale_whose_order_is_locked_leaves_the_lane_free() {
    let scene = Scene::postgres().await;
    let orders = scene.orders(2).await;
    let held = lock(&scene, &orders[..1]).await;

    // Returns while the row is locked: the lane is free for others.
    let waits = scene.begin_writing(vec![sell(&orders[0])]).await;
    assert!(scene.write(vec![sell(&orders[1])]).await[0].is_ok());

    held.rollback().await.unwrap();
    for answer in waits {
        assert!(answer_of(answer).await.is_ok());
    }
    assert!(scene.is_sold(&orders[0]).await);
}

#[tokio::test]
async fn a_sale_whose_customer_is_locked_waits_and_its_neighbours_do_not() {
    let scene = Scene::postgres().await;
    let mut orders = scene.orders(4).await;
    // Inserts the customer.
    assert!(scene.write(vec![sell(&orders[0])]).await[0].is_ok());
    let phone = orders[0].phone.national();
    orders[0] = scene.order(&phone, None).await;
    let held = scene.hold("SELECT phone FROM customers").await;

    let mut answers = scene.begin_writing(orders.iter().map(sell).collect()).await;
    let mut waits = answers.remove(0);
    for answer in answers {
        assert!(answer_of(answer).await.is_ok());
    }

    assert!(waits.try_recv().is_err(), "the customer is still locked");
    held.rollback().await.unwrap();
    assert!(answer_of(waits).await.is_ok());
}

#[tokio::test]
async fn many_locked_orders_do_not_stop_a_lane() {
    let scene = Scene::postgres().await;
    let orders = scene.orders(SINGLES_MAX + 12).await;
    let (locked, free) = orders.split_at(SINGLES_MAX + 4);
    let held = lock(&scene, locked).await;

    let (with_them, after) = free.split_at(4);
    let batch = locked.iter().chain(with_them).map(sell).collect();
    let mut waiting = scene.begin_writing(batch).await;
    for answer in waiting.split_off(locked.len()) {
        assert!(answer_of(answer).await.is_ok());
    }
    let later = scene.write(after.iter().map(sell).collect()).await;
    assert!(later.iter().all(Result::is_ok), "{later:?}");

    held.rollback().await.unwrap();
    let answers = join_all(waiting.into_iter().map(answer_of));
    let answers = timeout(Duration::from_secs(20), answers).await.unwrap();
    for (order, answer) in locked.iter().zip(&answers) {
        // Those beyond the limit are refused after two seconds, and not written.
        let is_refused = matches!(answer, Err(StoreError::Unavailable(_)));
        assert!(answer.is_ok() || is_refused, "{answer:?}");
        assert_eq!(scene.is_sold(order).await, answer.is_ok());
    }
    let made = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(made >= SINGLES_MAX, "{made}");
}
