//! The daily report runs from midnight to midnight in the shop's time zone.

use serde_json::{Value, json};

use super::{held, journalled, refund, sold};
use crate::harness::{Kind, TOKEN, TestApp, TestOrder, body_of};

on_both_databases! {
    a_day_in_dar_es_salaam_counts_what_happened_between_its_midnights,
    the_report_lists_every_mismatch,
    a_spreadsheet_runs_no_formula_that_came_from_outside,
    an_invalid_day_is_refused,
}

async fn report(app: &TestApp, query: &str) -> Value {
    let path = format!("/api/v1/operator/reports/daily{query}");
    let answer = app.get_as_operator(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Sets the time of an order's sale.
async fn sold_at(app: &TestApp, order: &TestOrder, at: &str) {
    let row = app.database.is_order(&order.id);
    let sql = format!(
        "UPDATE invoices SET issued_at = '{at}' WHERE payment_id = (SELECT id FROM payments WHERE {row})"
    );
    assert_eq!(app.database.execute(&sql).await, 1);
}

fn ids(list: &Value) -> Vec<&str> {
    let orders = list.as_array().unwrap().iter();
    orders.map(|it| it["order_id"].as_str().unwrap()).collect()
}

async fn a_day_in_dar_es_salaam_counts_what_happened_between_its_midnights(kind: Kind) {
    let app = TestApp::start(kind).await;
    for at in [
        "2026-03-07T20:59:59.999+00:00", // The seventh, a moment before midnight.
        "2026-03-07T21:00:00+00:00",
        "2026-03-08T12:00:00.500+00:00",
        "2026-03-08T20:59:59.999+00:00",
        "2026-03-08T21:00:00+00:00", // The ninth.
    ] {
        sold_at(&app, &sold(&app).await, at).await;
    }
    let week = app.buy_package("weekly").await;
    app.deliver_word(&week, "COMPLETED").await;
    sold_at(&app, &week, "2026-03-07T22:00:00+00:00").await;

    let (before, day, after) = (
        report(&app, "?date=2026-03-07").await,
        report(&app, "?date=2026-03-08").await,
        report(&app, "?date=2026-03-09").await,
    );

    assert_eq!(
        before["totals"]["sales"],
        json!({"count": 1, "amount": 2_000})
    );
    assert_eq!(
        day["sales"],
        json!([
            {"package": "daily", "count": 3, "amount": 6_000},
            {"package": "weekly", "count": 1, "amount": 10_000},
        ])
    );
    assert_eq!(
        day["totals"]["sales"],
        json!({"count": 4, "amount": 16_000})
    );
    assert_eq!(
        after["totals"]["sales"],
        json!({"count": 1, "amount": 2_000})
    );
    assert_eq!(day["date"], "2026-03-08");
    assert_eq!(day["timezone"], "Africa/Dar_es_Salaam");
    assert_eq!(day["from"], "2026-03-07T21:00:00.000Z");
    assert_eq!(day["to"], "2026-03-08T21:00:00.000Z");
}

async fn the_report_lists_every_mismatch(kind: Kind) {
    let app = TestApp::start(kind).await;
    let deliver = async |order: &TestOrder, more: Value| {
        let mut body = json!({"order_id": order.id, "payment_status": "COMPLETED"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        assert_eq!(app.deliver(body.to_string()).await.status, 200);
    };
    let twice = app.buy().await;
    deliver(&twice, json!({"reference": "R-1"})).await;
    deliver(&twice, json!({"reference": "R-2"})).await;
    let over = app.buy().await;
    deliver(&over, json!({"amount": 2_500})).await;
    let back = sold(&app).await;
    refund(&app, &back).await;
    let short = held(&app).await;
    let failed_on = app.buy().await;
    journalled(
        &app,
        &failed_on.id,
        Some("key"),
        &body_of(&failed_on.id, "COMPLETED"),
    )
    .await;
    app.database
        .execute("UPDATE webhook_deliveries SET word = 'COMPLETED' WHERE outcome = 'error'")
        .await;
    let orphan_id = uuid::Uuid::new_v4().to_string();
    let lost = json!({"order_id": orphan_id, "payment_status": "COMPLETED", "amount": 700});
    assert_eq!(app.deliver(lost.to_string()).await.status, 404);

    let today = report(&app, "").await;

    assert_charged_twice(&today, &twice);
    assert_eq!(ids(&today["overpaid"]), [&over.id]);
    assert_eq!(
        today["totals"]["overpaid"],
        json!({"count": 1, "amount": 500})
    );
    assert_eq!(ids(&today["refunds"]), [&back.id]);
    assert_eq!(
        today["totals"]["refunds"],
        json!({"count": 1, "amount": 2_000})
    );
    assert_eq!(today["refunds"][0]["note"], "refunded");
    assert_eq!(ids(&today["held"]), [&short.id]);
    assert_eq!(today["totals"]["held"], json!({"count": 1, "amount": 500}));
    assert_eq!(
        ids(&today["paid_not_fulfilled"]),
        [&short.id, &failed_on.id]
    );
    let mut unconfirmed = ids(&today["fulfilled_not_confirmed"]);
    unconfirmed.sort_unstable();
    let mut wanted = [twice.id.as_str(), &over.id, &back.id];
    wanted.sort_unstable();
    assert_eq!(unconfirmed, wanted);
    assert_eq!(today["orphans"][0]["order_id"], orphan_id);
    assert_eq!(
        today["totals"]["orphans"],
        json!({"count": 1, "amount": 700})
    );
    // Includes what was paid above the price.
    assert_eq!(
        today["totals"]["sales"],
        json!({"count": 3, "amount": 6_500})
    );

    // After an operator has replayed the failed delivery, its order is sold and no longer missing.
    // A replay of the orphan finds no order again.
    replay_unapplied(&app).await;
    let later = report(&app, "").await;
    assert_eq!(ids(&later["paid_not_fulfilled"]), [&short.id]);
    assert_eq!(later["totals"]["orphans"]["count"], 1);
}

/// It is the only row, and it has both references.
fn assert_charged_twice(today: &Value, order: &TestOrder) {
    assert_eq!(ids(&today["second_charges"]), [&order.id]);
    let note = today["second_charges"][0]["note"].as_str().unwrap();
    assert!(note.contains("R-2 after R-1"), "{note}");
}

async fn replay_unapplied(app: &TestApp) {
    let sql = "SELECT CAST(id AS text) FROM webhook_deliveries WHERE outcome IN ('error', 'unknown_order')";
    for webhook in app.database.texts(sql).await {
        super::replay(app, webhook.parse().unwrap()).await;
    }
}

async fn a_spreadsheet_runs_no_formula_that_came_from_outside(kind: Kind) {
    let app = TestApp::start(kind).await;
    let formula = "=HYPERLINK(\"http://evil\",\"pay\")";
    let orphan = json!({"order_id": "=1+1", "payment_status": "COMPLETED", "reference": formula});
    app.deliver(orphan.to_string()).await;
    let back = sold(&app).await;
    let payload = json!({"reason": "given to Juma"});
    super::post(&app, &format!("/orders/{}/refund", back.id), &payload).await;

    let answer = app
        .get_as_operator("/api/v1/operator/reports/daily?format=csv")
        .await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.header("content-type"),
        Some("text/csv; charset=utf-8")
    );
    let name = answer.header("content-disposition").unwrap();
    assert!(
        name.starts_with("attachment; filename=\"malipo-20"),
        "{name}"
    );
    let bytes = app
        .http
        .get(app.url("/api/v1/operator/reports/daily?format=csv"))
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let sheet = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap();
    let mut reader = csv::Reader::from_reader(sheet);
    let column = |name| reader.headers().unwrap().iter().position(|it| it == name);
    let columns = ["order", "reference", "note", "section", "amount"].map(column);
    let [order_id, reference, note, section, amount] = columns.map(Option::unwrap);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let of = |wanted: &str| rows.iter().find(|row| &row[section] == wanted).unwrap();
    assert_eq!(&of("orphan")[order_id], "'=1+1");
    assert_eq!(of("orphan")[reference], format!("'{formula}"));
    assert_eq!(
        &of("refund")[note],
        "refunded",
        "the CSV contains no typed text"
    );
    assert_eq!(&of("sales")[amount], "2000");
    assert_eq!(&of("sales_total")[amount], "2000");
    for cell in rows.iter().flatten() {
        assert!(
            !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
            "{cell:?}"
        );
    }
}

async fn an_invalid_day_is_refused(kind: Kind) {
    let app = TestApp::start(kind).await;

    for query in [
        "?date=yesterday",
        "?date=",
        "?date=2026-02-30",
        "?date=2026-3-8",
        "?date=%2B262142-12-31",
        "?date=2026-03-08T00:00:00Z",
        "?format=xml",
        "?format=",
    ] {
        let path = format!("/api/v1/operator/reports/daily{query}");
        let answer = app.get_as_operator(&path).await;
        answer.assert_problem(422, "invalid_query");
    }
}
