//! A guest chooses the name of an order, and anybody can then ask for the erasure of that phone. What the
//! database has about others stays.

use serde_json::{Value, json};

use super::erasure::{erase, text_in};
use crate::harness::{Answer, Kind, TOKEN, TestApp, TestOrder, fresh_phone};

on_both_databases! {
    a_chosen_name_erases_nothing_about_others,
    a_name_that_many_have_stays_in_the_rows_of_others,
    a_full_name_in_the_rows_of_others_is_erased_and_counted,
}

const REASON: &str = "asked by letter";

/// Makes an order of this phone with this name, which ends unpaid.
async fn call(app: &TestApp, phone: &str, name: &str) {
    let payload = json!({"packageId": "daily", "phoneNumber": phone, "customerName": name});
    let answer = app.pay(&payload).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let order = TestOrder {
        id: answer.json()["order_id"].as_str().unwrap().to_owned(),
        phone: phone.to_owned(),
        webhook_url: String::new(),
    };
    app.deliver_word(&order, "FAILED").await;
}

/// The server, with an archive in this folder.
async fn start(kind: Kind, folder: &std::path::Path) -> TestApp {
    TestApp::start_with(kind, |config| {
        config.retention.bodies_days = 30;
        config.retention.archive_dir = Some(folder.join("archive"));
    })
    .await
}

/// Moves the bodies that the journal has now into the archive.
async fn archive_bodies(app: &TestApp, kind: Kind) {
    let old = match kind {
        Kind::Sqlite => "'2020-01-01T08:00:00+00:00'",
        Kind::Postgres => "'2020-01-01T08:00:00Z'::timestamptz",
    };
    let age = format!("UPDATE webhook_deliveries SET received_at = {old} WHERE length(body) > 0");
    let aged = app.database.execute(&age).await;
    let moved = app.app.api.retention.run_once(&mut 0).await.unwrap();
    assert_eq!(moved, aged);
}

/// What the database has, without the orders of this phone.
async fn of_others(app: &TestApp, phone: &str) -> Vec<Vec<String>> {
    let orders = format!(
        "SELECT order_id FROM payments WHERE phone <> '255{}'",
        &phone[1..]
    );
    let of_others = format!("order_id IN ({orders})");
    let mut tables = Vec::new();
    for (table, columns, which) in [
        (
            "webhook_deliveries",
            "word reference content_type",
            "id > 0",
        ),
        (
            "webhook_deliveries",
            "outcome",
            "length(body) > 0 AND outcome <> 'failed'",
        ),
        (
            "audit_events",
            "operator action subject detail",
            "action <> 'erase_customer'",
        ),
        ("order_events", "kind summary reference", &of_others),
        ("gateway_calls", "answer detail", &of_others),
        (
            "payments",
            "reference transid channel",
            "channel = 'TIGOPESATZ'",
        ),
        ("radpostauth", "username reply", "id > 0"),
    ] {
        let columns: Vec<_> = columns
            .split(' ')
            .map(|it| format!("COALESCE({it}, '-')"))
            .collect();
        let columns = columns.join(" || ' ' || ");
        let query = format!("SELECT {columns} FROM {table} WHERE {which} ORDER BY id");
        tables.push(app.database.texts(&query).await);
    }
    tables
}

async fn paid_not_fulfilled(app: &TestApp) -> Value {
    let report = app.get_as_operator("/api/v1/operator/reports/daily").await;
    report.json()["totals"]["paid_not_fulfilled"].clone()
}

/// A shop with a sale, a second charge, a guest who paid and has no voucher, an audit log and log-ins.
async fn fill(app: &TestApp) {
    let sold = app.buy().await;
    for (reference, transid) in [("0936183435", "CEJ3"), ("0936183436", "CEJ4")] {
        let paid = json!({"order_id": sold.id, "payment_status": "COMPLETED", "reference": reference,
            "transid": transid, "channel": "TIGOPESATZ", "message": "Payment Received"});
        assert_eq!(app.deliver(paid.to_string()).await.status, 200);
    }
    let unsold = app.buy().await;
    let unclear =
        json!({"order_id": unsold.id, "payment_status": "COMPLETED", "amount": "TZS 2000"});
    let answer = app.deliver(unclear.to_string()).await;
    assert_eq!(answer.verdict().1, "unconfirmed");
    let insert = "INSERT INTO audit_events (at, operator, action, subject, detail) VALUES \
         ('2026-11-01T08:00:00+00:00', 'asha', 'add_operator', 'operator mallory', 'role admin'), \
         ('2026-11-01T08:00:00+00:00', 'asha', 'nas_change', 'router 10.0.0.6', 'changed: secret')";
    app.database.execute(insert).await;
    let log_in = "INSERT INTO radpostauth (username, pass, reply, authdate) \
         VALUES ('K7QMX2PA', 'x', 'Access-Reject', '2026-11-01T08:00:00+00:00')";
    app.database.execute(log_in).await;
}

async fn a_chosen_name_erases_nothing_about_others(kind: Kind) {
    let folder = tempfile::TempDir::new().unwrap();
    let app = start(kind, folder.path()).await;
    fill(&app).await;
    let sold = app.buy().await;
    app.deliver_word(&sold, "COMPLETED").await;
    archive_bodies(&app, kind).await;
    fill(&app).await;
    let phone = fresh_phone();
    for name in [
        "COMPLETED",
        "operator",
        "TIGOPESATZ",
        "accepted",
        "FreeRADIUS",
        "TZS 2000",
        "0936183435",
        "Access-Reject",
        "role admin",
        "operator mallory",
        "order status",
        "second charge",
        "changed secret",
        "application json",
        "\"payment_status\"",
    ] {
        call(&app, &phone, name).await;
    }
    let before = of_others(&app, &phone).await;
    let unsold = paid_not_fulfilled(&app).await;
    assert!(before.iter().all(|rows| !rows.is_empty()), "{before:?}");
    assert_ne!(unsold["count"], 0);
    let archived = text_in(&folder.path().join("archive"));
    assert!(archived.contains("COMPLETED"), "{archived}");

    let answer = erase(&app, &json!({"phone": phone, "reason": REASON})).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["orders"], 15);
    assert_eq!(answer.json()["mentions"], 0, "{}", answer.text);
    // A job may have added rows meanwhile, in any place.
    for (mut after, before) in of_others(&app, &phone).await.into_iter().zip(&before) {
        for row in before {
            let place = after.iter().position(|other| other == row);
            after.swap_remove(place.unwrap_or_else(|| panic!("{row}: {before:?} {after:?}")));
        }
    }
    assert_eq!(paid_not_fulfilled(&app).await, unsold);
    assert_eq!(text_in(&folder.path().join("archive")), archived);
}

/// The common name is in twelve archived bodies and in twelve of the journal: in neither place too many.
async fn a_name_that_many_have_stays_in_the_rows_of_others(kind: Kind) {
    let folder = tempfile::TempDir::new().unwrap();
    let app = start(kind, folder.path()).await;
    let deliver_twelve = async || {
        for _ in 0..12 {
            let body = json!({"order_id": uuid::Uuid::new_v4(), "payment_status": "COMPLETED", "message": "Payment Received"});
            app.deliver(body.to_string()).await;
        }
    };
    deliver_twelve().await;
    archive_bodies(&app, kind).await;
    deliver_twelve().await;
    let phone = fresh_phone();
    call(&app, &phone, "Payment Received").await;
    let named =
        "SELECT COUNT(*) FROM webhook_deliveries WHERE length(body) > 0 AND outcome <> 'failed'";
    assert_eq!(app.database.count(named).await, 12);
    let archived = text_in(&folder.path().join("archive"));

    let answer = erase(&app, &json!({"phone": phone, "reason": REASON}))
        .await
        .json();

    assert_eq!(
        (&answer["mentions"], &answer["common_names"]),
        (&json!(0), &json!(24))
    );
    assert_eq!(app.database.count(named).await, 12);
    assert_eq!(text_in(&folder.path().join("archive")), archived);
    let audited = "SELECT detail FROM audit_events WHERE action = 'erase_customer'";
    assert_eq!(
        app.database.text(audited).await.unwrap(),
        format!("{REASON}; the name stays in 24 rows of others")
    );
    let found = app.database.tables_with(&phone[1..]).await;
    assert_eq!(found, Vec::<String>::new(), "the phone is erased");
}

async fn a_full_name_in_the_rows_of_others_is_erased_and_counted(kind: Kind) {
    let folder = tempfile::TempDir::new().unwrap();
    let app = start(kind, folder.path()).await;
    let phone = fresh_phone();
    let other = app.buy().await;
    app.deliver_word(&other, "COMPLETED").await;
    let refund = app.url(&format!("/api/v1/operator/orders/{}/refund", other.id));
    let refund = app.http.post(refund).bearer_auth(TOKEN);
    let why = json!({"reason": "zuhura kisanga has paid for it"});
    assert_eq!(
        Answer::of(refund.json(&why).send().await.unwrap())
            .await
            .status,
        200
    );
    let about_another =
        json!({"order_id": other.id, "payment_status": "PAID", "from": "Zuhura Kisanga"});
    app.deliver(about_another.to_string()).await;
    archive_bodies(&app, kind).await;
    app.deliver(about_another.to_string()).await;
    call(&app, &phone, "Zuhura Kisanga").await;

    let answer = erase(&app, &json!({"phone": phone, "reason": REASON}))
        .await
        .json();

    assert_eq!(
        (&answer["mentions"], &answer["common_names"]),
        (&json!(3), &json!(0))
    );
    let audited = "SELECT detail FROM audit_events WHERE action = 'erase_customer'";
    assert_eq!(
        app.database.text(audited).await.unwrap(),
        format!(
            "{REASON}; 1 rows of others in audit_events; 1 rows of others in payments; \
             1 rows of others in webhook_deliveries"
        )
    );
    let found = app.database.tables_with("isanga").await;
    assert_eq!(found, Vec::<String>::new());
    assert!(!text_in(&folder.path().join("archive")).contains("Kisanga"));
}
