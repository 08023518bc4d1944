//! Orders are read over a few connections, which guests and sales share.

use actix_web::rt;
use malipo::domain::order::OrderId;
use malipo::store::Store;
use sea_orm::ConnectionTrait;

use crate::harness::{Kind, SaleCounts, TestApp, TestOrder};

/// Statements that read for guests at a time; as many are reserved for actors.
const HALF: i64 = 4;

fn read_for_guest(store: &Store, order: &TestOrder) -> rt::task::JoinHandle<bool> {
    let (store, order_id): (_, OrderId) = (store.clone(), order.id.parse().unwrap());
    rt::spawn(async move { store.load_for_guest(order_id).await.is_ok() })
}

fn read_for_actor(store: &Store, order: &TestOrder) -> rt::task::JoinHandle<bool> {
    let (store, order_id): (_, OrderId) = (store.clone(), order.id.parse().unwrap());
    rt::spawn(async move { store.load(order_id).await.is_ok() })
}

/// A read of this order, which has a voucher, blocks while another session holds advisory lock 15.
async fn block_reads_of(app: &TestApp, order: &TestOrder) {
    let id = app
        .database
        .count(&format!(
            "SELECT id FROM payments WHERE {}",
            app.database.is_order(&order.id)
        ))
        .await;
    // A high cost, so that PostgreSQL evaluates it for as few rows as possible.
    app.database
        .execute(
            "CREATE FUNCTION stands_still() RETURNS boolean LANGUAGE plpgsql COST 1000000 AS
             $$ BEGIN PERFORM pg_advisory_xact_lock_shared(15); RETURN true; END $$",
        )
        .await;
    for sql in [
        "ALTER TABLE vouchers RENAME TO all_vouchers".to_owned(),
        format!(
            "CREATE VIEW vouchers AS SELECT * FROM all_vouchers
             WHERE CASE WHEN payment_id = {id} THEN stands_still() ELSE true END"
        ),
    ] {
        app.database.execute(&sql).await;
    }
}

#[actix_web::test]
async fn a_sale_is_made_while_every_read_for_guests_stands_still() {
    let app = TestApp::start(Kind::Postgres).await;
    let (looked_at, sold) = (app.buy().await, app.buy().await);
    let paid = app.deliver_word(&looked_at, "COMPLETED").await;
    assert_eq!(paid.verdict(), (200, "completed".to_owned()));
    block_reads_of(&app, &looked_at).await;
    let lock = app.database.begin().await;
    lock.execute_unprepared("SELECT pg_advisory_xact_lock(15)")
        .await
        .unwrap();

    // One after the other, or they would be read by one statement.
    let mut guests = Vec::new();
    for number in 1..=3 * HALF {
        guests.push(read_for_guest(&app.app.api.store, &looked_at));
        app.database
            .until_so_many_wait_for_a_lock(number.min(HALF))
            .await;
    }
    let answer = app.deliver_word(&sold, "COMPLETED").await;

    assert_eq!(answer.verdict(), (200, "completed".to_owned()));
    lock.rollback().await.unwrap();
    assert_eq!(app.sale_of(&sold).await, SaleCounts::ONE);
    for guest in guests {
        // Polls that waited for too long were given up.
        guest.await.unwrap();
    }
}

/// As after a restart of PostgreSQL.
#[actix_web::test]
async fn orders_are_read_although_every_connection_is_dead() {
    let app = TestApp::start(Kind::Postgres).await;
    let order = app.buy().await;
    let store = &app.app.api.store;

    for read in [read_for_guest, read_for_actor] {
        open_all_connections(&app, &order).await;
        app.database
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'malipo'",
            )
            .await;

        assert!(read(store, &order).await.unwrap());
    }
}

/// Makes all reading connections busy at the same time.
async fn open_all_connections(app: &TestApp, order: &TestOrder) {
    let lock = app.database.begin().await;
    lock.execute_unprepared("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let store = &app.app.api.store;
    let mut reads = Vec::new();
    for number in 1..=HALF {
        reads.push(read_for_guest(store, order));
        reads.push(read_for_actor(store, order));
        app.database.until_so_many_wait_for_a_lock(2 * number).await;
    }
    lock.rollback().await.unwrap();
    for read in reads {
        read.await.unwrap();
    }
}
