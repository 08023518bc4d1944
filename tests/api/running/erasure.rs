//! A customer can be erased, and the accounts stay complete.

use serde_json::{Value, json};

use crate::harness::{Answer, Kind, SaleCounts, TOKEN, TestApp, TestOrder, fresh_phone};

on_both_databases! {
    an_erased_customer_is_in_no_table_and_the_invoice_stays,
    a_customer_with_an_open_order_is_not_erased,
    nothing_is_left_of_an_erased_customer_in_any_text,
    the_key_of_a_form_contains_no_phone,
}

const NAME: &str = "Zuhura Kisanga";
const REASON: &str = "asked by letter";

async fn buy_as(app: &TestApp, phone: &str) -> TestOrder {
    let payload = json!({"packageId": "daily", "phoneNumber": phone, "customerName": NAME});
    let answer = app.pay(&payload).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    TestOrder {
        id: answer.json()["order_id"].as_str().unwrap().to_owned(),
        phone: phone.to_owned(),
        webhook_url: String::new(),
    }
}

pub async fn erase(app: &TestApp, body: &Value) -> Answer {
    let request = app
        .http
        .post(app.url("/api/v1/operator/customers/erase"))
        .bearer_auth(TOKEN)
        .json(body);
    Answer::of(request.send().await.unwrap()).await
}

async fn an_erased_customer_is_in_no_table_and_the_invoice_stays(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();
    let sold = buy_as(&app, &phone).await;
    let webhook = json!({"order_id": sold.id, "payment_status": "COMPLETED", "msisdn": phone});
    app.deliver(webhook.to_string()).await;
    let failed = buy_as(&app, &phone).await;
    app.deliver_word(&failed, "FAILED").await;
    let other = app.buy().await;
    app.deliver_word(&other, "COMPLETED").await;
    let code = app.status(&sold).await["voucher_code"]
        .as_str()
        .unwrap()
        .to_owned();
    app.database
        .wait_for_count("SELECT COUNT(*) FROM sms_messages WHERE state = 'sent'", 2)
        .await;
    let invoice = "SELECT number || ' ' || amount FROM invoices ORDER BY id LIMIT 1";
    let before = app.database.text(invoice).await;

    let answer = erase(&app, &json!({"phone": phone, "reason": REASON})).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let counts = json!({"status": "success", "orders": 2, "vouchers": 1, "sms": 1,
        "mentions": 0, "common_names": 0});
    assert_eq!(answer.json(), counts);
    for private in [&phone[1..], "Kisanga"] {
        let found = app.database.tables_with(private).await;
        assert_eq!(found, Vec::<String>::new(), "{private}");
    }
    // The code may remain where it names a row, but gives no access.
    for table in ["radcheck", "radreply", "radusergroup"] {
        let rows = format!("SELECT COUNT(*) FROM {table} WHERE username = '{code}'");
        assert_eq!(app.database.count(&rows).await, 0, "{table}");
    }
    let texts = format!("SELECT COUNT(*) FROM sms_messages WHERE body LIKE '%{code}%'");
    assert_eq!(app.database.count(&texts).await, 0);
    // The invoice is unchanged.
    assert_eq!(app.database.text(invoice).await, before);
    let paid = "SELECT COUNT(*) FROM invoices JOIN customers ON customer_phone = phone";
    assert_eq!(app.database.count(paid).await, 2);
    assert_eq!(app.status(&sold).await["payment_status"], "COMPLETED");
    assert_eq!(app.sale_of(&other).await, SaleCounts::ONE);
    let audited = format!(
        "SELECT COUNT(*) FROM audit_events WHERE action = 'erase_customer' AND operator = 'bootstrap' AND detail = '{REASON}' AND subject LIKE 'erased-%'"
    );
    assert_eq!(app.database.count(&audited).await, 1);
    // Money that still arrives is not lost, and does not bring the phone back.
    let late = app.deliver_word(&failed, "COMPLETED").await;
    assert_eq!(late.verdict(), (200, "completed".to_owned()));
    let found = app.database.tables_with(&phone[1..]).await;
    assert_eq!(found, Vec::<String>::new());
    // An erased customer is not found again.
    let again = erase(&app, &json!({"phone": phone, "reason": REASON})).await;
    assert_eq!(again.json()["orders"], 0);
}

async fn a_customer_with_an_open_order_is_not_erased(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    let open = erase(&app, &json!({"phone": order.phone, "reason": REASON})).await;
    let no_phone = erase(&app, &json!({"phone": "12", "reason": REASON})).await;
    let no_reason = erase(&app, &json!({"phone": order.phone})).await;

    open.assert_problem(409, "invalid_transition");
    no_phone.assert_problem(422, "invalid_phone");
    no_reason.assert_problem(422, "invalid_request");
    assert_eq!(
        app.database.tables_with(&order.phone[1..]).await,
        ["payments", "sandbox_payments"]
    );
    app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

/// Columns with text of ours, of FreeRADIUS or of a router only, never of a person.
#[rustfmt::skip] // A table is read by its rows.
const OF_NO_PERSON: &[(&str, &str)] = &[
    ("audit_events", "operator action"),
    ("gateway_calls", "kind"),
    ("invoices", "number package_code description currency"),
    ("order_events", "kind level"),
    ("outbox_messages", "kind reference reason voucher_code router session_id state"),
    ("payments", "status language package_code package_name_sw package_name_en currency validity \
                  webhook_secret failure_reason owner_token"),
    ("sandbox_payments", "order_id webhook_url payment_status reference transid channel behaviour"),
    ("sandbox_webhooks", "order_id url content_type"),
    ("sms_messages", "kind language reference state provider receipt"),
    ("vouchers", "code package_code validity"),
    ("voucher_batches", "package_code package_name operator"),
    ("webhook_deliveries", "outcome proof source"),
];

/// Tables whose rows are about no order and no person.
const WITHOUT_PEOPLE: &[&str] = &[
    "doctor_calls",
    "login_failures",
    "nas",
    "nasreload",
    "operator_devices",
    "operator_recovery_codes",
    "operator_sessions",
    "operator_tokens",
    "operators",
    "packages",
    "radacct",
    "radcheck",
    "radgroupcheck",
    "radgroupreply",
    "radreply",
    "radusergroup",
    "router_status",
    "router_tunnels",
    "sandbox_switches",
    "seaql_migrations",
];

/// Columns that can contain text, as `(table, column)`.
async fn text_columns(app: &TestApp) -> Vec<(String, String)> {
    let sql = match app.database.kind {
        Kind::Sqlite => {
            "SELECT m.name || ' ' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND lower(c.type) = 'text' \
             ORDER BY 1"
        }
        Kind::Postgres => {
            "SELECT table_name || ' ' || column_name FROM information_schema.columns \
             WHERE table_schema = 'public' AND data_type IN ('text', 'character varying') \
             ORDER BY 1"
        }
    };
    let rows = app.database.texts(sql).await;
    let pairs = rows.iter().map(|row| row.split_once(' ').unwrap());
    pairs
        .map(|(table, column)| (table.to_owned(), column.to_owned()))
        .collect()
}

/// Writes the phone and the name into each column that a person or a stranger can fill.
async fn fill_every_text(app: &TestApp, phone: &str) -> usize {
    let marker = format!("{NAME} 0{}", &phone[1..]);
    let mut filled = 0;
    for (table, column) in text_columns(app).await {
        if WITHOUT_PEOPLE.contains(&table.as_str()) {
            continue;
        }
        let ours = OF_NO_PERSON.iter().find(|(name, _)| *name == table);
        if ours.is_some_and(|(_, columns)| columns.split(' ').any(|it| it == column)) {
            continue;
        }
        // These columns identify a person, so they keep their values.
        let keys = [
            "phone",
            "customer_phone",
            "buyer_phone",
            "customer_name",
            "name",
        ];
        if keys.contains(&column.as_str()) {
            continue;
        }
        let last = format!("id = (SELECT MAX(id) FROM {table})");
        let sql = format!("UPDATE {table} SET {column} = '{marker}' WHERE {last}");
        filled += usize::from(app.database.execute(&sql).await == 1);
    }
    filled
}

/// Buys as [`NAME`] and leaves phone and name wherever they can come in; the last three webhooks
/// are archived. Returns another customer's order.
async fn write_personal_data(app: &TestApp, phone: &str, kind: Kind) -> TestOrder {
    let other = app.buy().await;
    let key = format!("{phone}-today");
    let payload = json!({"packageId": "daily", "phoneNumber": phone, "customerName": NAME});
    let sold = app.pay_with_key(&payload, &key).await.json()["order_id"].clone();
    let sold = sold.as_str().unwrap().to_owned();
    // Webhooks in every form that can contain a name.
    for body in [
        json!({"order_id": sold, "payment_status": "COMPLETED", "msisdn": phone}).to_string(),
        json!({"order_id": phone, "payment_status": "COMPLETED"}).to_string(),
        json!({"order_id": other.id, "payment_status": format!("PAID BY {phone}")}).to_string(),
        format!("not JSON, from 255-{}", &phone[1..]),
        json!({"order_id": uuid::Uuid::new_v4(), "payment_status": "PAID", "from": NAME})
            .to_string(),
    ] {
        app.deliver(body).await;
    }
    let aged = match kind {
        Kind::Sqlite => "'2020-01-01T08:00:00+00:00'",
        Kind::Postgres => "'2020-01-01T08:00:00Z'::timestamptz",
    };
    let old = "SELECT id FROM webhook_deliveries ORDER BY id DESC LIMIT 3";
    let sql = format!("UPDATE webhook_deliveries SET received_at = {aged} WHERE id IN ({old})");
    app.database.execute(&sql).await;
    let retention = &app.app.api.retention;
    assert_eq!(retention.run_once(&mut 0).await.unwrap(), 3);
    app.database
        .execute(&format!(
            "INSERT INTO radpostauth (username, pass, reply, authdate) VALUES ('{phone}', 'x', 'Access-Reject', {aged})"
        ))
        .await;
    let code = app
        .database
        .text("SELECT code FROM vouchers")
        .await
        .unwrap();
    let revoke = format!("/api/v1/operator/vouchers/{code}/revoke");
    let request = app.http.post(app.url(&revoke)).bearer_auth(TOKEN);
    let said = json!({"reason": format!("{NAME} called from {phone}")});
    assert_eq!(request.json(&said).send().await.unwrap().status(), 200);
    app.database
        .wait_for_count("SELECT COUNT(*) FROM sms_messages WHERE state = 'sent'", 1)
        .await;
    other
}

pub fn text_in(folder: &std::path::Path) -> String {
    let files = std::fs::read_dir(folder).unwrap();
    let texts = files.map(|it| std::fs::read_to_string(it.unwrap().path()).unwrap());
    texts.collect()
}

async fn nothing_is_left_of_an_erased_customer_in_any_text(kind: Kind) {
    let folder = tempfile::TempDir::new().unwrap();
    let archive = folder.path().join("archive");
    let app = TestApp::start_with(kind, |config| {
        config.retention.bodies_days = 30;
        config.retention.archive_dir = Some(archive.clone());
    })
    .await;
    let phone = fresh_phone();
    let other = write_personal_data(&app, &phone, kind).await;
    let filled = fill_every_text(&app, &phone).await;
    assert!(filled > 20, "{filled} columns were filled");
    let named = |folder| [&phone[1..], "Kisanga"].map(|it| text_in(folder).contains(it));
    assert_eq!(named(&archive), [true, true]);

    let answer = erase(&app, &json!({"phone": phone, "reason": REASON})).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    for private in [&phone[1..], "Kisanga"] {
        let found = app.database.tables_with(private).await;
        assert_eq!(found, Vec::<String>::new(), "{private}");
    }
    assert_eq!(named(&archive), [false, false]);
    let dump = app.database.dump();
    assert!(dump.contains(&other.phone[1..]), "{dump}");
    for private in [&phone[1..], "Kisanga"] {
        let bytes: String = private.bytes().map(|byte| format!("{byte:02x}")).collect();
        for form in [private, &bytes, &bytes.to_uppercase()] {
            assert!(!dump.contains(form), "{private} is in a dump as {form}");
        }
    }
    // The other customer's order is unchanged and can still be paid.
    app.deliver_word(&other, "COMPLETED").await;
    assert_eq!(app.sale_of(&other).await, SaleCounts::ONE);
    // Another attempt with the same key is a new purchase.
    let invoices = "SELECT COUNT(*) FROM invoices WHERE amount = 2000";
    assert_eq!(app.database.count(invoices).await, 2);
}

async fn the_key_of_a_form_contains_no_phone(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();

    let form = format!("package=daily%3A2000&phone={phone}&key=abcdefgh12345678");
    let request = app.http.post(app.url("/buy")).body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(request.send().await.unwrap().status(), 200);

    let key = "SELECT idempotency_key FROM payments";
    let key = app.database.text(key).await.unwrap();
    assert!(!key.contains(&phone[1..]), "{key}");
}
