//! Orders of earlier versions have free text as their failure reason. Each becomes one of the words that
//! a guest may read, and operators keep the old text.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use migration::{Migrator, down, up};
use sea_orm_migration::MigratorTrait;
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

mod databases;

use databases::{PostgresDatabase, SqliteFile, connect};

/// Status, old text and paid amount; then the word, the gateway's text and the operator's text.
type Case = (
    &'static str,
    &'static str,
    Option<i64>,
    [Option<&'static str>; 3],
);

const CASES: [Case; 12] = [
    (
        "FAILED",
        "INSUFFICIENT_FUNDS",
        None,
        [Some("no_funds"), Some("INSUFFICIENT_FUNDS"), None],
    ),
    (
        "FAILED",
        "invalid_pin",
        None,
        [Some("wrong_pin"), Some("invalid_pin"), None],
    ),
    (
        "FAILED",
        "REJECTED",
        None,
        [Some("declined"), Some("REJECTED"), None],
    ),
    (
        "FAILED",
        "FAILED",
        None,
        [Some("other"), Some("FAILED"), None],
    ),
    (
        "FAILED",
        "Invalid phone",
        None,
        [Some("other"), Some("Invalid phone"), None],
    ),
    (
        "FAILED",
        "pushed: no",
        None,
        [Some("gateway_refused"), Some("pushed: no"), None],
    ),
    (
        "CANCELLED",
        "USERCANCELLED",
        None,
        [Some("cancelled"), Some("USERCANCELLED"), None],
    ),
    (
        "EXPIRED",
        "not paid in time",
        None,
        [Some("expired"), None, None],
    ),
    (
        "HELD",
        "paid 1500 TZS less than the price",
        Some(500),
        [Some("underpaid"), None, None],
    ),
    (
        "REFUNDED",
        "Asha, 0712345678",
        None,
        [Some("refunded"), None, Some("Asha, 0712345678")],
    ),
    ("COMPLETED", "", None, [None, None, None]),
    ("PENDING", "", None, [None, None, None]),
];

#[tokio::test(flavor = "multi_thread")]
async fn old_reasons_become_words_on_sqlite() {
    let file = SqliteFile::new();

    old_reasons_become_words(&file.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_reasons_become_words_on_postgres() {
    let database = PostgresDatabase::create("reasons").await;

    old_reasons_become_words(&database.url()).await;

    database.drop().await;
}

async fn old_reasons_become_words(url: &str) {
    up(url).await.unwrap();
    down(url, Some(steps_from("0020_reasons"))).await.unwrap();
    let db = connect(url).await;
    for (number, case) in CASES.iter().enumerate() {
        insert(&db, number, case).await;
    }
    let order = uuid(&db, 9);
    db.execute_unprepared(&format!(
        "INSERT INTO order_events (order_id, at, kind, level, summary) VALUES
         ({order}, '2026-11-01T00:00:00+00:00', 'refunded', 'note', 'refunded: Asha, 0712345678'),
         ({order}, '2026-11-01T00:00:00+00:00', 'held', 'alert', 'paid 1500 TZS less')"
    ))
    .await
    .unwrap();
    let pushed = uuid(&db, 5);
    db.execute_unprepared(&format!(
        "INSERT INTO gateway_calls (order_id, kind, at, duration_ms, http_status, answer, detail)
         VALUES ({pushed}, 'create', '2026-11-01T00:00:00+00:00', 1.0, 400, 'refused', 'pushed: no')"
    ))
    .await
    .unwrap();
    let before = texts(
        &db,
        "SELECT COALESCE(failure_reason, '') FROM payments ORDER BY id",
    )
    .await;

    up(url).await.unwrap();

    for (column, at) in [
        ("failure_reason", 0),
        ("gateway_word", 1),
        ("operator_reason", 2),
    ] {
        let sql = format!("SELECT COALESCE({column}, '') FROM payments ORDER BY id");
        let wanted = CASES.map(|case| case.3[at].unwrap_or_default());
        assert_eq!(texts(&db, &sql).await, wanted, "{column}");
    }
    assert_eq!(
        texts(&db, "SELECT summary FROM order_events ORDER BY id").await,
        ["refunded by an operator", "paid 1500 TZS less"]
    );

    down(url, Some(steps_from("0020_reasons"))).await.unwrap();
    let after = texts(
        &db,
        "SELECT COALESCE(failure_reason, '') FROM payments ORDER BY id",
    )
    .await;
    assert_eq!(after, before);
}

/// The number of steps down that revert this migration.
fn steps_from(name: &str) -> u32 {
    let all = Migrator::migrations();
    let at = all.iter().rposition(|step| step.name().ends_with(name));
    (all.len() - at.unwrap()).try_into().unwrap()
}

fn uuid(db: &DatabaseConnection, number: usize) -> String {
    let digits = format!("{number:032x}");
    match db.get_database_backend() {
        DbBackend::Postgres => format!("'{digits}'"),
        _ => format!("x'{digits}'"),
    }
}

async fn insert(db: &DatabaseConnection, number: usize, case: &Case) {
    let (status, text, paid, _) = case;
    let order = uuid(db, number);
    let paid = paid.map_or("NULL".to_owned(), |paid| paid.to_string());
    let package = "SELECT id FROM packages WHERE code = 'daily'";
    db.execute_unprepared(&format!(
        "INSERT INTO payments (order_id, status, version, phone, language, package_id,
             package_code, package_name_sw, package_name_en, amount, currency, duration_minutes,
             validity, download_kbps, upload_kbps, shared_devices, webhook_secret, created_at,
             deadline_at, asks, paid_amount, failure_reason)
         VALUES ({order}, '{status}', 2, '25571234567{number:02}', 'sw', ({package}),
             'daily', 'Siku', 'Day', 2000, 'TZS', 1440,
             'purchase', 1, 1, 1, 's{number}', '2026-11-01T00:00:00+00:00',
             '2026-11-01T00:05:00+00:00', 0, {paid}, NULLIF('{text}', ''))"
    ))
    .await
    .unwrap();
}

async fn texts(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let ask = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(ask).await.unwrap();
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}
