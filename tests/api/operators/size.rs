//! A shop of some size: finding one order stays as quick as in a small one.
//!
//! `MALIPO_TEST_SALES=20000 scripts/with-postgres cargo nextest run size --no-capture` fills
//! the books with so many sales and prints how long operators wait while a drill runs.

use std::time::{Duration, Instant};

use super::orders::ids;
use crate::harness::process::run;
use crate::harness::{Kind, TOKEN, TestApp};

on_both_databases! {
    one_order_is_found_among_many_while_the_drill_runs,
}

const LOOKS: usize = 40;

fn sales() -> i64 {
    let wished = std::env::var("MALIPO_TEST_SALES").ok();
    wished.map_or(300, |text| text.parse().unwrap())
}

/// Whole sales, as the server writes them, but by the database itself: order `i` has the phone
/// 255700000000 + i / 4, the reference R-i and a code of its own.
async fn fill(app: &TestApp, sales: i64) {
    let numbers = match app.database.kind {
        Kind::Sqlite => format!(
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {sales}) SELECT i FROM n)"
        ),
        Kind::Postgres => format!("generate_series(1, {sales}) AS n(i)"),
    };
    let (id, at) = match app.database.kind {
        Kind::Sqlite => ("randomblob(16)", "'2026-11-01T00:00:00+00:00'"),
        Kind::Postgres => ("gen_random_uuid()", "timestamptz '2026-11-01T00:00:00Z'"),
    };
    // No code holds 0 or 1.
    let code =
        "'Z' || replace(replace(substr(CAST(10000000 + id AS text), 2), '0', 'A'), '1', 'B')";
    for sql in [
        format!(
            "INSERT INTO payments (order_id, status, version, phone, language, package_id,
                package_code, package_name_sw, package_name_en, amount, currency, duration_minutes,
                validity, download_kbps, upload_kbps, shared_devices, webhook_secret, reference,
                transid, created_at, deadline_at, confirmed_at, processed_at)
             SELECT {id}, CASE WHEN i % 100 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, 2,
                CAST(255700000000 + i / 4 AS text), 'sw', 2, 'daily', 'Siku', 'Day', 2000, 'TZS',
                1440, 'purchase', 1, 1, 1, 'secret', 'R-' || CAST(i AS text),
                'T-' || CAST(i AS text), {at}, {at}, {at}, {at} FROM {numbers}"
        ),
        format!(
            "INSERT INTO customers (phone, orders_paid, total_paid, first_paid_at, last_paid_at)
             SELECT DISTINCT phone, 4, 8000, {at}, {at} FROM payments WHERE true
             ON CONFLICT (phone) DO NOTHING"
        ),
        format!(
            "INSERT INTO invoices (number, payment_id, customer_phone, package_code, description,
                amount, currency, issued_at)
             SELECT 'X-' || CAST(id AS text), id, phone, package_code, 'Day', 2000, 'TZS', {at}
             FROM payments WHERE status = 'COMPLETED'"
        ),
        format!(
            "INSERT INTO vouchers (code, payment_id, package_code, duration_minutes, validity,
                shared_devices, issued_at, expires_at)
             SELECT {code}, id, 'daily', 1440, 'purchase', 1, {at}, {at}
             FROM payments WHERE status = 'COMPLETED'"
        ),
        "INSERT INTO radcheck (username, attribute, op, value)
         SELECT code, 'Cleartext-Password', ':=', code FROM vouchers"
            .to_owned(),
        format!(
            "INSERT INTO sms_messages (payment_id, kind, phone, language, body, reference, state,
                attempts, due_at, created_at, sent_at)
             SELECT id, 'voucher', phone, 'sw', 'text', CAST(id AS text), 'sent', 1, {at}, {at},
                {at} FROM payments WHERE status = 'COMPLETED'"
        ),
        journal(app.database.kind, at),
        "ANALYZE".to_owned(),
    ] {
        app.database.execute(&sql).await;
    }
}

/// A delivery for each order, which the journal names in text.
fn journal(kind: Kind, at: &str) -> String {
    let part = |from, length| format!("substr(lower(hex(order_id)), {from}, {length})");
    let (name, body) = match kind {
        Kind::Sqlite => (
            [
                part(1, 8),
                part(9, 4),
                part(13, 4),
                part(17, 4),
                part(21, 12),
            ]
            .join(" || '-' || "),
            "x'7b7d'",
        ),
        Kind::Postgres => ("CAST(order_id AS text)".to_owned(), "'{}'::bytea"),
    };
    format!(
        "INSERT INTO webhook_deliveries (order_id, outcome, proof, source, word, received_at,
            processing_ms, body)
         SELECT {name}, lower(status), 'key', 'webhook', status, {at}, 1.0, {body} FROM payments"
    )
}

async fn one_order_is_found_among_many_while_the_drill_runs(kind: Kind) {
    let app = TestApp::start(kind).await;
    let sales = sales();
    fill(&app, sales).await;
    let wanted = sales / 2 + 1;
    let phone = 255_700_000_000 + wanted / 4;
    let is_wanted = format!("reference = 'R-{wanted}'");
    let code = app
        .database
        .text(&format!(
            "SELECT code FROM vouchers WHERE payment_id = (SELECT id FROM payments WHERE {is_wanted})"
        ))
        .await
        .unwrap();
    let page = app
        .get_as_operator(&format!("/api/v1/operator/orders?q=R-{wanted}"))
        .await;
    let order_id = ids(&page.json())[0].clone();
    let same_phone = format!("SELECT COUNT(*) FROM payments WHERE phone = '{phone}'");
    let same_phone = app.database.count(&same_phone).await as usize;

    let drilled = (sales / 50).min(300);
    let (figures, ()) = tokio::join!(
        async {
            let mut figures = Vec::new();
            for (name, path, expected) in [
                ("actors", "/actors".to_owned(), None),
                ("by phone", format!("/orders?q={phone}"), Some(same_phone)),
                ("by order id", format!("/orders?q={order_id}"), Some(1)),
                ("by code", format!("/orders?q={code}"), Some(1)),
                ("by reference", format!("/orders?q=R-{wanted}"), Some(1)),
                ("by transid", format!("/orders?q=T-{wanted}"), Some(1)),
                ("newest", "/orders".to_owned(), Some(50)),
                (
                    "failed",
                    "/orders?status=FAILED&limit=2".to_owned(),
                    Some(2),
                ),
                (
                    "journal",
                    "/webhooks?outcome=failed&limit=2".to_owned(),
                    Some(2),
                ),
                ("timeline", format!("/orders/{order_id}"), None),
            ] {
                figures.push((name, looks(&app, &path, expected).await));
            }
            figures
        },
        drill(&app, drilled)
    );

    assert_numbers_add_up(&app, sales).await;

    println!(
        "{sales} sales on {kind:?}, a drill of {drilled} more meanwhile; median and slowest of {LOOKS}"
    );
    for (name, mut took) in figures {
        took.sort();
        let (median, slowest) = (took[LOOKS / 2], took[LOOKS - 1]);
        println!("  {name:14} {median:>10.1?} {slowest:>10.1?}");
    }
}

/// Asks again and again; each answer must be the right one.
async fn looks(app: &TestApp, path: &str, expected: Option<usize>) -> Vec<Duration> {
    let mut took = Vec::with_capacity(LOOKS);
    for _ in 0..LOOKS {
        let begun = Instant::now();
        let answer = app
            .get_as_operator(&format!("/api/v1/operator{path}"))
            .await;
        took.push(begun.elapsed());
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let document = answer.json();
        let rows = document["orders"]
            .as_array()
            .or(document["webhooks"].as_array());
        if let Some(expected) = expected {
            assert_eq!(rows.map(Vec::len), Some(expected), "{path}");
        }
    }
    took
}

/// The drill goes on while operators look: a crowd buys, and every webhook comes many times.
async fn drill(app: &TestApp, orders: i64) {
    let (url, orders) = (app.base.clone(), orders.to_string());
    let drilled = tokio::task::spawn_blocking(move || {
        let arguments = [
            "drill", "--url", &url, "--token", TOKEN, "--orders", &orders,
        ];
        run(&[&arguments[..], &["--copies", "4"]].concat(), &[])
    });
    let output = drilled.await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
}

/// What this process has counted, and what the journal got of it.
async fn assert_numbers_add_up(app: &TestApp, filled: i64) {
    let seen = app.actors_when(|_| true).await;
    for (outcome, count) in seen["webhooks"].as_object().unwrap() {
        let sql = format!(
            "SELECT COUNT(*) FROM webhook_deliveries WHERE outcome = '{outcome}' AND id > {filled}"
        );
        let is_journalled = !["unauthenticated", "busy"].contains(&outcome.as_str());
        if is_journalled {
            assert_eq!(
                count.as_i64().unwrap(),
                app.database.count(&sql).await,
                "{outcome}"
            );
        }
    }
}
