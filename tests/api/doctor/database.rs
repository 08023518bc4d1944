//! Databases that take no sales, rows of the future, and routers that report no sessions.

use chrono::TimeDelta;
use malipo::config::Config;

use super::check;
use crate::command_line::text;
use crate::harness::process::run;
use crate::harness::{KEY, Kind, TestApp, TestDatabase, http_client};
use crate::reconciling::eventually;
use crate::webhook::fake::FakeZenoPay;

on_both_databases! {
    a_row_in_the_future_is_a_warning,
    what_cannot_be_read_is_a_failure_and_not_skipped,
    in_live_mode_the_clock_is_compared_with_zenopays,
    a_router_whose_row_freeradius_never_finds_is_named,
    a_router_that_never_accounts_is_found,
}

fn checked(database: &TestDatabase) -> super::Checked {
    check(&[("MALIPO__DATABASE__URL", &database.url)])
}

/// Runs a statement that names the database.
async fn alter(database: &TestDatabase, change: &str) {
    let name = database.url.rsplit('/').next().unwrap();
    database
        .execute(&format!("ALTER DATABASE {name} {change}"))
        .await;
}

#[actix_web::test]
async fn a_read_only_database_is_found() {
    let database = TestDatabase::create(Kind::Postgres).await;
    alter(&database, "SET default_transaction_read_only = on").await;

    let checked = checked(&database);

    checked.assert("database", "failed", "read-only");
    assert_eq!(checked.code, Some(1));
}

/// The functions of a real replica, which `scripts/check-front-door` starts, are replaced here.
#[actix_web::test]
async fn a_replica_is_found() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let replica = "CREATE FUNCTION public.pg_is_in_recovery() RETURNS boolean \
                   LANGUAGE sql AS 'SELECT true'";
    database.execute(replica).await;
    alter(&database, "SET search_path = public, pg_catalog").await;

    let checked = checked(&database);

    checked.assert("database", "failed", "replica");
    assert_eq!(checked.code, Some(1));
}

#[actix_web::test]
async fn a_database_with_another_encoding_is_found() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let latin = format!("{}_latin1", database.url.rsplit('/').next().unwrap());
    let create = format!(
        "CREATE DATABASE {latin} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    );
    database.execute(&create).await;
    let (server, _) = database.url.rsplit_once('/').unwrap();
    let url = format!("{server}/{latin}");

    let checked = check(&[("MALIPO__DATABASE__URL", &url)]);

    database.execute(&format!("DROP DATABASE {latin}")).await;
    checked.assert("database", "failed", "UTF");
    assert_eq!(checked.code, Some(1));
}

#[actix_web::test]
async fn a_database_that_cannot_be_written_is_found() {
    let database = TestDatabase::create(Kind::Sqlite).await;
    let full = "CREATE TRIGGER full_disk BEFORE INSERT ON doctor_calls
                BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END";
    database.execute(full).await;

    let checked = checked(&database);

    checked.assert("database", "failed", "disk is full");
}

async fn a_row_in_the_future_is_a_warning(kind: Kind) {
    let app = TestApp::start(kind).await;
    app.buy().await;
    let in_future = (chrono::Utc::now() + chrono::TimeDelta::days(14)).to_rfc3339();
    let set = format!("UPDATE payments SET created_at = '{in_future}'");
    let before = checked(&app.database);
    app.database.execute(&set).await;

    let after = checked(&app.database);

    before.assert("clock", "ok", "");
    after.assert("clock", "warning", "in the future");
    assert_eq!(after.code, Some(0), "{}", after.printed);
}

async fn what_cannot_be_read_is_a_failure_and_not_skipped(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let cascade = match kind {
        Kind::Sqlite => "",
        Kind::Postgres => "CASCADE",
    };
    for table in [
        "backups",
        "outbox_holds",
        "webhook_deliveries",
        "doctor_calls",
    ] {
        database
            .execute(&format!("DROP TABLE {table} {cascade}"))
            .await;
    }

    let public = ("MALIPO__SERVER__PUBLIC_URL", "http://127.0.0.1:1");
    let checked = check(&[("MALIPO__DATABASE__URL", &database.url), public]);

    for (name, part) in [
        ("clock", "webhook_deliveries"),
        ("outbox", "outbox_holds"),
        ("server", "doctor_calls"),
        ("public_url", "doctor_calls"),
        ("backup", "backups"),
    ] {
        checked.assert(name, "failed", part);
    }
    assert_eq!(checked.code, Some(1));
}

async fn in_live_mode_the_clock_is_compared_with_zenopays(kind: Kind) {
    let (database, zenopay) = (TestDatabase::create(kind).await, FakeZenoPay::start());
    let mut config = Config::default();
    zenopay.configure(&mut config);
    let base = config.zenopay.base_url.to_string();
    eventually("ZenoPay answers", async || {
        http_client().get(&base).send().await.is_ok()
    })
    .await;
    let live = [
        ("MALIPO__DATABASE__URL", database.url.as_str()),
        ("MALIPO__ZENOPAY__MODE", "live"),
        ("MALIPO__ZENOPAY__API_KEY", KEY),
        ("MALIPO__ZENOPAY__BASE_URL", base.as_str()),
        ("MALIPO__SERVER__PUBLIC_URL", "https://wifi.invalid"),
    ];

    let right = check(&live);
    zenopay.is_ahead(TimeDelta::minutes(-10));
    let wrong = check(&live);
    let sandbox = check(&live[..1]);

    right.assert("clock", "ok", "apart from ZenoPay's");
    wrong.assert("clock", "failed", "apart from ZenoPay's");
    let own = match kind {
        Kind::Sqlite => "there is no other clock",
        Kind::Postgres => "apart from the database's",
    };
    sandbox.assert("clock", "ok", own);
    let compared = right.text("clock").contains("the database's");
    assert_eq!(compared, kind == Kind::Postgres, "{}", right.text("clock"));
}

async fn a_router_whose_row_freeradius_never_finds_is_named(kind: Kind) {
    let app = TestApp::start(kind).await;
    let settings = [("MALIPO__DATABASE__URL", app.database.url.as_str())];
    for (address, name) in [("10.9.0.0/24", "a"), ("any", "b"), ("10.9.1.1", "c")] {
        let added = run(&["router", "add", address, "--name", name], &settings);
        assert!(added.status.success(), "{}", text(&added.stderr));
    }
    let by_hand = async |name: &str, address: &str| {
        let router = format!(
            "INSERT INTO nas (nasname, shortname, type, secret) \
             VALUES ('{address}', '{name}', 'other', 'the-secret')"
        );
        app.database.execute(&router).await;
    };
    by_hand("address", "10.9.2.1").await;
    let sound = checked(&app.database);
    for (name, address) in [
        ("network", "10.9.3.0/24"),
        ("loud", "ANY"),
        ("spelled", "FD00:0::1"),
        ("host", "router.example"),
        ("narrow", "10.9.4.1/32"),
    ] {
        by_hand(name, address).await;
    }
    let lost = checked(&app.database);

    sound.assert("routers", "ok", "each router");
    lost.assert("routers", "failed", "network, loud, spelled, host, narrow:");
    app.stop().await;
}

async fn a_router_that_never_accounts_is_found(kind: Kind) {
    let app = TestApp::start(kind).await;
    let none = checked(&app.database);
    let router = "INSERT INTO nas (nasname, shortname, type, secret) \
                  VALUES ('10.9.9.9', 'kariakoo', 'other', 'the-secret')";
    app.database.execute(router).await;
    let quiet = checked(&app.database);
    // Neither what is sold nor what is printed shows that a guest was let in.
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    crate::printed::print(&app, "daily", "3").await;
    let sold = checked(&app.database);
    let now = match kind {
        Kind::Sqlite => "CAST(strftime('%s', 'now') AS integer)",
        Kind::Postgres => "now()",
    };
    let earlier = match kind {
        Kind::Sqlite => "CAST(strftime('%s', 'now') AS integer) - 1200",
        Kind::Postgres => "now() - interval '20 minutes'",
    };
    let accept = format!(
        "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, packetsource, \
         acctstarttime, acctstoptime, acctterminatecause) \
         VALUES ('', '0', 'K7QMX2PZ', '192.168.88.1', '10.9.9.9', {earlier}, {earlier}, 'Accept')"
    );
    app.database.execute(&accept).await;
    let never = checked(&app.database);
    let session = format!(
        "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime) \
         VALUES ('1', '1', 'K7QMX2PA', '10.9.9.9', {now})"
    );
    app.database.execute(&session).await;
    let reports = checked(&app.database);

    none.assert("accounting", "skipped", "no router");
    quiet.assert("accounting", "warning", "kariakoo");
    sold.assert("accounting", "warning", "kariakoo");
    never.assert("accounting", "failed", "kariakoo");
    assert_eq!(never.code, Some(1));
    assert!(!never.printed.contains("the-secret"), "{}", never.printed);
    reports.assert("accounting", "ok", "");
}
