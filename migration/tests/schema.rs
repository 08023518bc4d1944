//! The schema on both databases: it migrates up, reverts completely, tolerates several processes at once,
//! and its keys alone prevent a second sale.
//!
//! `MALIPO_TEST_POSTGRES` is PostgreSQL's URL without a database; each test creates its own.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use migration::{Migrator, down, status, up};
use sea_orm_migration::MigratorTrait;
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

mod databases;

use databases::{PostgresDatabase, SqliteFile, connect};

/// The number of steps.
fn steps() -> u32 {
    Migrator::migrations().len().try_into().unwrap()
}

/// The number of steps after the one whose name ends in this.
fn steps_after(name: &str) -> u32 {
    let all = Migrator::migrations();
    let at = all.iter().rposition(|step| step.name().ends_with(name));
    (all.len() - 1 - at.unwrap()).try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_goes_up_down_and_up_again() {
    let file = SqliteFile::new();

    goes_up_down_and_up_again(&file.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_goes_up_down_and_up_again() {
    let database = PostgresDatabase::create("cycle").await;

    goes_up_down_and_up_again(&database.url()).await;

    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_may_start_on_one_sqlite_file() {
    let file = SqliteFile::new();

    one_of_several_applies_every_step(&file.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_may_start_on_one_postgres() {
    let database = PostgresDatabase::create("race").await;

    one_of_several_applies_every_step(&database.url()).await;

    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_sqlite_shop_has_its_packages_and_their_speeds() {
    let file = SqliteFile::new();

    has_packages_and_speeds(&file.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_postgres_shop_has_its_packages_and_their_speeds() {
    let database = PostgresDatabase::create("seed").await;

    has_packages_and_speeds(&database.url()).await;

    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_wins_once_on_sqlite() {
    let file = SqliteFile::new();

    an_order_wins_once(&file.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_wins_once_on_postgres() {
    let database = PostgresDatabase::create("winner").await;

    an_order_wins_once(&database.url()).await;

    database.drop().await;
}

async fn goes_up_down_and_up_again(url: &str) {
    assert_eq!(up(url).await.unwrap(), steps());
    assert_eq!(up(url).await.unwrap(), 0, "nothing is pending any more");
    let whole = schema_of(url).await;
    assert!(status(url).await.unwrap().iter().all(|step| step.applied));

    assert_eq!(down(url, Some(1)).await.unwrap(), 1);
    let last = status(url).await.unwrap().pop().unwrap();
    assert!(!last.applied, "{}", last.name);
    assert_eq!(down(url, None).await.unwrap(), steps() - 1);
    let bare = schema_of(url).await;
    assert!(
        bare.iter().all(|name| name.starts_with("seaql_migrations")
            || name == "sqlite_sequence"
            || name.starts_with("sqlite_autoindex_seaql_migrations")),
        "left behind: {bare:?}"
    );

    assert_eq!(up(url).await.unwrap(), steps());
    assert_eq!(schema_of(url).await, whole);
}

async fn one_of_several_applies_every_step(url: &str) {
    let starts = (0..4).map(|_| {
        let url = url.to_owned();
        tokio::spawn(async move { up(&url).await.unwrap() })
    });

    let mut applied = Vec::new();
    for start in starts.collect::<Vec<_>>() {
        applied.push(start.await.unwrap());
    }

    applied.sort_unstable();
    assert_eq!(applied, [0, 0, 0, steps()]);
}

async fn has_packages_and_speeds(url: &str) {
    up(url).await.unwrap();
    let db = connect(url).await;

    let packages = texts(
        &db,
        "SELECT code || ' ' || CAST(price AS text) || ' ' || CAST(duration_minutes AS text)
             || ' ' || validity || ' ' || COALESCE(CAST(data_limit_mb AS text), '-')
             || ' ' || CAST(shared_devices AS text)
         FROM packages ORDER BY sort_order",
    )
    .await;
    assert_eq!(
        packages,
        [
            "half-day 1000 720 purchase - 1",
            "daily 2000 1440 purchase - 1",
            "weekly 10000 10080 purchase - 1",
            "monthly 30000 43200 purchase - 2",
            "student 15000 43200 first_login 20480 1",
        ]
    );
    let long = "SELECT code FROM packages WHERE length(name_sw) > 24 OR length(name_en) > 24";
    assert_eq!(texts(&db, long).await, Vec::<String>::new());

    let daily = texts(
        &db,
        "SELECT attribute || ' ' || op || ' ' || value FROM radgroupreply
         WHERE groupname = 'daily' ORDER BY id",
    )
    .await;
    assert_eq!(
        daily,
        [
            "Mikrotik-Rate-Limit = 2048k/5120k",
            "WISPr-Bandwidth-Max-Up = 2048000",
            "WISPr-Bandwidth-Max-Down = 5120000",
            "Acct-Interim-Interval = 300",
            "Idle-Timeout = 900",
        ]
    );
    assert_eq!(
        texts(&db, "SELECT value FROM radgroupreply").await.len(),
        25
    );
    db.close().await.unwrap();

    an_owners_price_survives_a_second_seed(url).await;
}

async fn an_owners_price_survives_a_second_seed(url: &str) {
    down(url, Some(steps_after("seed_packages") + 1))
        .await
        .unwrap();
    let db = connect(url).await;
    db.execute_unprepared(
        "INSERT INTO packages (code, name_sw, name_en, price, currency, duration_minutes,
             validity, download_kbps, upload_kbps, shared_devices, sort_order, created_at)
         VALUES ('daily', 'Siku', 'Day', 2500, 'TZS', 1440, 'purchase', 6000, 3000, 1, 1,
             '2026-11-23T00:00:00+00:00')",
    )
    .await
    .unwrap();

    up(url).await.unwrap();

    let price = "SELECT CAST(price AS text) FROM packages WHERE code = 'daily'";
    assert_eq!(texts(&db, price).await, ["2500"]);
    let rate = "SELECT value FROM radgroupreply
        WHERE groupname = 'daily' AND attribute = 'Mikrotik-Rate-Limit'";
    assert_eq!(texts(&db, rate).await, ["3000k/6000k"]);
    db.close().await.unwrap();
}

async fn an_order_wins_once(url: &str) {
    up(url).await.unwrap();
    let db = connect(url).await;
    let empty = match db.get_database_backend() {
        DbBackend::Postgres => "''::bytea",
        _ => "x''",
    };
    let deliver = async |outcome: &str| {
        db.execute_unprepared(&format!(
            "INSERT INTO webhook_deliveries (order_id, outcome, received_at, processing_ms, body)
             VALUES ('order', '{outcome}', '2026-11-23T00:00:00+00:00', 1.5, {empty})"
        ))
        .await
    };

    deliver("completed").await.unwrap();
    deliver("duplicate").await.unwrap();
    deliver("duplicate").await.unwrap();

    assert!(deliver("completed").await.is_err());
    db.close().await.unwrap();
}

/// Everything that has a name in the schema.
async fn schema_of(url: &str) -> Vec<String> {
    let db = connect(url).await;
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT relname::text FROM pg_class
             WHERE relnamespace = 'public'::regnamespace ORDER BY relname"
        }
        _ => "SELECT name FROM sqlite_master ORDER BY name",
    };
    let names = texts(&db, sql).await;
    db.close().await.unwrap();
    names
}

async fn texts(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}
