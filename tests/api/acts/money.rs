//! Every total uses the amount that was really paid, and no total is truncated.

use serde_json::{Value, json};

use super::{held, post, refund, release};
use crate::harness::{Kind, TOKEN, TestApp, TestOrder};
use crate::pages::page;

on_both_databases! {
    a_released_order_counts_with_the_amount_paid_and_is_listed_as_a_mismatch,
    an_overpaid_order_counts_with_the_amount_paid,
    a_refused_order_is_no_sale_and_the_amount_paid_is_refunded,
    an_amount_that_zenopay_names_after_the_sale_corrects_invoice_and_report,
    a_held_order_shows_the_guest_the_amount_paid,
    a_total_counts_the_rows_that_its_list_leaves_out,
    the_page_of_failed_messages_shows_how_many_there_are,
}

async fn report(app: &TestApp) -> Value {
    let answer = app.get_as_operator("/api/v1/operator/reports/daily").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn text_of(app: &TestApp, path: &str) -> String {
    let request = app.http.get(app.url(path)).bearer_auth(TOKEN);
    let answer = request.header("accept", "text/html").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200, "{path}");
    answer.text().await.unwrap()
}

/// The CSV row of this section.
async fn csv_row(app: &TestApp, section: &str) -> String {
    let sheet = text_of(app, "/api/v1/operator/reports/daily?format=csv").await;
    let mut rows = sheet.lines();
    let found = rows.find(|row| row.starts_with(&format!("{section},")));
    found
        .unwrap_or_else(|| panic!("no {section} in {sheet}"))
        .to_owned()
}

/// The amount of this order's invoice, and the sum that its customer has paid.
async fn invoiced(app: &TestApp, order: &TestOrder) -> (i64, i64) {
    let row = app.database.is_order(&order.id);
    let of = |what: &str| format!("SELECT {what} FROM payments WHERE {row}");
    let invoice = format!(
        "SELECT amount FROM invoices WHERE payment_id = ({})",
        of("id")
    );
    let customer = format!(
        "SELECT total_paid FROM customers WHERE phone = ({})",
        of("phone")
    );
    let (invoice, customer) = (app.database.count(&invoice), app.database.count(&customer));
    (invoice.await, customer.await)
}

async fn deliver(app: &TestApp, order: &TestOrder, amount: i64) {
    let body = json!({"order_id": order.id, "payment_status": "COMPLETED", "amount": amount});
    assert_eq!(app.deliver(body.to_string()).await.status, 200);
}

async fn a_released_order_counts_with_the_amount_paid_and_is_listed_as_a_mismatch(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = held(&app).await;
    assert_eq!(release(&app, &order, "complete").await.status, 200);

    let today = report(&app).await;

    let sold = json!([{"package": "daily", "count": 1, "amount": 500}]);
    assert_eq!(today["sales"], sold);
    assert_eq!(today["totals"]["sales"], json!({"count": 1, "amount": 500}));
    let short = json!({"count": 1, "amount": 1_500});
    assert_eq!(today["totals"]["underpaid"], short);
    let line = &today["underpaid"][0];
    assert_eq!(line["order_id"], order.id);
    assert_eq!(
        (&line["amount"], &line["paid_amount"]),
        (&json!(2_000), &json!(500))
    );
    assert_eq!(line["note"], "1500 TZS less than the price of 2000");
    let unconfirmed = json!({"count": 1, "amount": 500});
    assert_eq!(today["totals"]["fulfilled_not_confirmed"], unconfirmed);
    assert_eq!(
        csv_row(&app, "sales_total").await,
        "sales_total,,,1,500,,,,,,,"
    );
    assert_eq!(
        csv_row(&app, "underpaid_total").await,
        "underpaid_total,,,1,1500,,,,,,,"
    );
    assert_eq!(invoiced(&app, &order).await, (500, 500));
    let page = text_of(&app, "/operator/report").await;
    assert!(
        page.contains("Sold 1 for 500 TZS. 1 does not fit."),
        "{page}"
    );
    let page = text_of(&app, "/operator/sales").await;
    assert!(page.contains("1 sold for 500 TZS"), "{page}");
    let shown = text_of(&app, &format!("/api/v1/operator/orders/{}", order.id)).await;
    assert!(shown.contains("for 500 TZS (price: 2000 TZS)"), "{shown}");

    // A refund is for the amount received.
    assert_eq!(refund(&app, &order).await.status, 200);
    let back = json!({"count": 1, "amount": 500});
    assert_eq!(report(&app).await["totals"]["refunds"], back);
}

async fn an_overpaid_order_counts_with_the_amount_paid(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    deliver(&app, &order, 2_500).await;

    let today = report(&app).await;

    let sold = json!([{"package": "daily", "count": 1, "amount": 2_500}]);
    assert_eq!(today["sales"], sold);
    let more = json!({"count": 1, "amount": 500});
    assert_eq!(today["totals"]["overpaid"], more);
    let note = &today["overpaid"][0]["note"];
    assert_eq!(note, "500 TZS more than the price of 2000");
    assert_eq!(today["underpaid"], json!([]));
    assert_eq!(invoiced(&app, &order).await, (2_500, 2_500));
}

async fn a_refused_order_is_no_sale_and_the_amount_paid_is_refunded(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = held(&app).await;
    assert_eq!(release(&app, &order, "refuse").await.status, 200);

    let today = report(&app).await;

    assert_eq!(today["sales"], json!([]));
    let back = json!({"count": 1, "amount": 500});
    assert_eq!(today["totals"]["refunds"], back);
    assert_eq!(today["refunds"][0]["paid_amount"], 500);
    for list in ["underpaid", "held", "paid_not_fulfilled", "disagreements"] {
        assert_eq!(today[list], json!([]), "{list}");
    }
    let page = text_of(&app, "/operator/report").await;
    assert!(page.contains("Sold 0 for 0 TZS"), "{page}");
}

async fn an_amount_that_zenopay_names_after_the_sale_corrects_invoice_and_report(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(invoiced(&app, &order).await, (2_000, 2_000));
    let less = json!({"decision": "approve", "deliver": false, "amount": 1_500});
    app.subscriber_decides(&order, &less).await;

    let path = format!("/orders/{}/reconcile", order.id);
    assert_eq!(post(&app, &path, &json!({})).await.status, 200);

    assert_eq!(invoiced(&app, &order).await, (1_500, 1_500));
    let today = report(&app).await;
    assert_eq!(
        today["totals"]["sales"],
        json!({"count": 1, "amount": 1_500})
    );
    assert_eq!(
        today["totals"]["underpaid"],
        json!({"count": 1, "amount": 500})
    );
    assert_eq!(today["underpaid"][0]["order_id"], order.id);
}

async fn a_held_order_shows_the_guest_the_amount_paid(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, dollars) = (held(&app).await, app.buy().await);
    let pending = app.status(&dollars).await;
    let body =
        json!({"order_id": dollars.id, "payment_status": "PAID", "amount": 1, "currency": "USD"});
    app.deliver(body.to_string()).await;

    let (document, foreign) = (app.status(&order).await, app.status(&dollars).await);

    assert_eq!(document["payment_status"], "HELD");
    assert_eq!(
        (&document["amount"], &document["paid_amount"]),
        (&json!(2_000), &json!(500))
    );
    // Dollars are not counted as shillings.
    assert_eq!(foreign["payment_status"], "HELD");
    assert_eq!(foreign.get("paid_amount"), Some(&Value::Null), "{foreign}");
    assert_eq!(pending.get("paid_amount"), None, "{pending}");
    let shown = page(&app, &format!("/order/{}", order.id)).await.text;
    assert!(
        shown.contains("TSh 500") && shown.contains("TSh 2,000"),
        "{shown}"
    );
    let shown = page(&app, &format!("/order/{}", dollars.id)).await.text;
    assert!(!shown.contains("TSh 1 "), "{shown}");

    assert_eq!(release(&app, &order, "complete").await.status, 200);
    let sold = app.status(&order).await;
    assert_eq!(sold.get("paid_amount"), None, "{sold}");
}

/// More orders than a list has rows; two deliveries claim each of them to be paid.
async fn a_total_counts_the_rows_that_its_list_leaves_out(kind: Kind) {
    const ORDERS: i64 = 1_100;
    let app = TestApp::start(kind).await;
    app.buy().await;
    let (id, text, body, numbers) = match kind {
        Kind::Sqlite => (
            "randomblob(16)",
            "lower(substr(hex(order_id), 1, 8) || '-' || substr(hex(order_id), 9, 4) || '-' || substr(hex(order_id), 13, 4) || '-' || substr(hex(order_id), 17, 4) || '-' || substr(hex(order_id), 21))",
            "x''",
            format!(
                "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ORDERS}) SELECT i FROM n) n"
            ),
        ),
        Kind::Postgres => (
            "gen_random_uuid()",
            "CAST(order_id AS text)",
            "''::bytea",
            format!("generate_series(1, {ORDERS}) AS n(i)"),
        ),
    };
    let same = "phone, language, package_id, package_code, package_name_sw, package_name_en, amount, currency, duration_minutes, validity, download_kbps, upload_kbps, shared_devices, webhook_secret, created_at, deadline_at";
    let orders = format!(
        "INSERT INTO payments (order_id, status, version, {same})
         SELECT {id}, 'FAILED', 2, {same} FROM payments, {numbers}"
    );
    assert_eq!(app.database.execute(&orders).await, ORDERS as u64);
    let at = chrono::Utc::now().to_rfc3339();
    for (outcome, word) in [
        ("unconfirmed", "'completed'"),
        ("error", "'PAID'"),
        ("error", "'PENDING'"),
        ("error", "NULL"),
    ] {
        let deliveries = format!(
            "INSERT INTO webhook_deliveries (order_id, outcome, proof, word, received_at, processing_ms, body)
             SELECT {text}, '{outcome}', 'key', {word}, '{at}', 1.0, {body} FROM payments WHERE status = 'FAILED'"
        );
        assert_eq!(app.database.execute(&deliveries).await, ORDERS as u64);
    }
    // Deliveries about an unknown order are counted among the orphans only.
    let orphan_id = format!(
        "INSERT INTO webhook_deliveries (order_id, outcome, proof, word, received_at, processing_ms, body)
         VALUES ('shop-17', 'error', 'key', 'PAID', '{at}', 1.0, {body})"
    );
    app.database.execute(&orphan_id).await;
    held(&app).await;

    let today = report(&app).await;

    // Includes the held order with its 500.
    let total = json!({"count": ORDERS + 1, "amount": ORDERS * 2_000 + 500});
    assert_eq!(today["totals"]["paid_not_fulfilled"], total);
    let lines = today["paid_not_fulfilled"].as_array().unwrap();
    assert_eq!(lines.len(), 1_000);
    assert_eq!(lines[0]["payment_status"], "HELD");
    assert_eq!(lines[1]["payment_status"], "FAILED");
    assert_eq!(lines[1]["note"], "a delivery says paid: error");
    let row = csv_row(&app, "paid_not_fulfilled_total").await;
    assert_eq!(row, "paid_not_fulfilled_total,,,1101,2200500,,,,,,,");
    let page = text_of(&app, "/operator/report").await;
    assert!(page.contains("1101 do not fit."), "{page}");
    assert!(page.contains("And 1081 more."), "{page}");
}

async fn the_page_of_failed_messages_shows_how_many_there_are(kind: Kind) {
    let app = TestApp::start(kind).await;
    app.buy().await;
    let numbers = match kind {
        Kind::Sqlite => {
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1120) SELECT i FROM n) n"
        }
        Kind::Postgres => "generate_series(1, 1120) AS n(i)",
    };
    let dead = format!(
        "INSERT INTO sms_messages (payment_id, kind, phone, language, body, reference, state, due_at, created_at)
         SELECT id, 'k' || i, phone, 'sw', 'b', 'r' || i, 'dead', created_at, created_at FROM payments, {numbers}"
    );
    assert_eq!(app.database.execute(&dead).await, 1_120);
    let dead = format!(
        "INSERT INTO outbox_messages (kind, reference, reason, voucher_code, router, session_id, state, due_at, created_at)
         SELECT 'disconnect', 'r' || i, 'revoked', 'K7QMX2PA', '10.0.0.1', 's' || i, 'dead', created_at, created_at FROM payments, {numbers} WHERE i <= 130"
    );
    assert_eq!(app.database.execute(&dead).await, 130);

    let page = text_of(&app, "/operator/letters").await;

    assert!(
        page.contains(r#"SMS to guests <span class="badge">1120</span>"#),
        "{page}"
    );
    assert!(page.contains("And 1020 more."), "{page}");
    assert!(
        page.contains(r#"Disconnects to routers <span class="badge">130</span>"#),
        "{page}"
    );
    assert!(page.contains("And 30 more."), "{page}");
}
