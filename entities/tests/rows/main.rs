//! Every entity against the real schema, on both databases, to find a misspelt column or a type that
//! cannot be decoded.
//!
//! `MALIPO_TEST_POSTGRES` is PostgreSQL's URL without a database; each test creates its own.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod beside;
mod sale;

use std::time::{SystemTime, UNIX_EPOCH};

use entities::{packages, payments, radacct};
use sea_orm::prelude::{DateTimeUtc, Uuid};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, Database, DatabaseConnection, DbBackend,
    EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, Set,
};

const ORDER: Uuid = Uuid::from_u128(0x677e_4327_4d7c_4b00_8000_0000_0000_0001);

#[tokio::test(flavor = "multi_thread")]
async fn every_row_comes_back_from_sqlite_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/malipo.db?mode=rwc", dir.path().display());
    migration::up(&url).await.unwrap();
    let db = Database::connect(&url).await.unwrap();

    writes_and_reads_everything(&db).await;
    times_sort_as_they_pass(&db).await;
    sessions_are_read(&db, "1795000000").await;

    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_comes_back_from_postgres_as_it_was_written() {
    let server = std::env::var("MALIPO_TEST_POSTGRES").expect(
        "set MALIPO_TEST_POSTGRES to a PostgreSQL server that tests may use, \
         such as postgres://postgres@127.0.0.1:5555",
    );
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    let name = format!("malipo_entities_{nanos}");
    let maintenance = Database::connect(format!("{server}/postgres"))
        .await
        .unwrap();
    let create = format!("CREATE DATABASE {name}");
    maintenance.execute_unprepared(&create).await.unwrap();
    let url = format!("{server}/{name}");
    migration::up(&url).await.unwrap();
    let db = Database::connect(&url).await.unwrap();

    writes_and_reads_everything(&db).await;
    times_sort_as_they_pass(&db).await;
    sessions_are_read(&db, "to_timestamp(1795000000)").await;

    db.close().await.unwrap();
    let drop = format!("DROP DATABASE {name}");
    maintenance.execute_unprepared(&drop).await.unwrap();
    maintenance.close().await.unwrap();
}

async fn writes_and_reads_everything(db: &DatabaseConnection) {
    sale::a_sale_is_kept(db).await;
    beside::journals_are_kept(db).await;
    beside::operators_are_kept(db).await;
    beside::radius_users_are_kept(db).await;
    beside::sandbox_rows_are_kept(db).await;
}

/// SQLite compares times as text, with and without fractions, and with those of its own clock.
async fn times_sort_as_they_pass(db: &DatabaseConnection) {
    let micros = [500_000, 0, 123_456, 123_000, 500_001, 999_999];
    for (n, micro) in (100..).zip(micros) {
        let order = sale::payment(Uuid::from_u128(n), at(0, 0));
        let due_at = Set(Some(at(60, micro)));
        let order = payments::ActiveModel { due_at, ..order };
        order.insert(db).await.unwrap();
    }

    let due = payments::Entity::find()
        .filter(payments::Column::DueAt.gt(at(60, 0)))
        .order_by_asc(payments::Column::DueAt)
        .all(db)
        .await
        .unwrap();
    let due: Vec<_> = due.into_iter().filter_map(|row| row.due_at).collect();
    let expected = [123_000, 123_456, 500_000, 500_001, 999_999].map(|micro| at(60, micro));
    assert_eq!(due, expected);

    let seeded = packages::Entity::find()
        .filter(packages::Column::CreatedAt.gt(at(0, 0)))
        .filter(packages::Column::CreatedAt.lte(DateTimeUtc::from(SystemTime::now())))
        .count(db);
    assert_eq!(seeded.await.unwrap(), 5);
}

async fn sessions_are_read(db: &DatabaseConnection, start: &str) {
    db.execute_unprepared(&format!(
        "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime,
             acctinputoctets, framedipaddress)
         VALUES ('80000001', 'unique', 'K7QMX2PA', '10.0.0.1', {start}, 5000000000, '10.5.50.7')"
    ))
    .await
    .unwrap();

    let session = radacct::Entity::find()
        .filter(radacct::Column::Acctuniqueid.eq("unique"))
        .one(db)
        .await
        .unwrap()
        .unwrap();

    let suffix = match db.get_database_backend() {
        DbBackend::Postgres => "/32",
        _ => "",
    };
    assert_eq!(session.nasipaddress, format!("10.0.0.1{suffix}"));
    assert_eq!(session.framedipaddress, Some(format!("10.5.50.7{suffix}")));
    assert_eq!(session.acctinputoctets, Some(5_000_000_000));
    assert_eq!(session.acctstarttime.unwrap().timestamp(), 1_795_000_000);
    assert_eq!(session.acctstoptime, None);
}

/// A time in November 2026, plus `secs` and `micros`.
fn at(secs: i64, micros: u32) -> DateTimeUtc {
    DateTimeUtc::from_timestamp(1_795_000_000 + secs, micros * 1000).unwrap()
}
