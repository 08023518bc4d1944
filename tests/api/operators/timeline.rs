//! The timeline of an order.

use malipo::actors::Command;
use malipo::domain::order::{Evidence, OrderAct};
use malipo::domain::people::Personal;
use malipo::domain::people::Role;
use serde_json::{Value, json};

use crate::harness::{Kind, TestApp, TestOrder};

on_both_databases! {
    the_timeline_of_a_held_released_and_refunded_order_has_every_step,
    an_order_that_was_paid_late_says_so,
    a_fault_of_an_order_is_an_alert,
    a_guests_time_online_is_in_the_timeline,
    endless_deliveries_do_not_hide_the_order,
}

async fn seen(app: &TestApp, order: &TestOrder) -> Value {
    let answer = app
        .get_as_operator(&format!("/api/v1/operator/orders/{}", order.id))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// The lines, without those about our own requests.
fn lines(seen: &Value) -> Vec<(String, String)> {
    let lines = seen["timeline"].as_array().unwrap();
    lines
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (text("kind"), text("summary"))
        })
        .filter(|(_, summary)| !summary.contains("reveal order"))
        .collect()
}

fn kinds(seen: &Value) -> Vec<String> {
    lines(seen).into_iter().map(|(kind, _)| kind).collect()
}

async fn act(app: &TestApp, order: &TestOrder, act: OrderAct, reason: &str) {
    let order_id = order.id.parse().unwrap();
    let command = Command::of(Evidence::Operator(act, Personal::new(reason)));
    let handled = app.app.api.orders.handle(order_id, command).await.unwrap();
    assert!(!handled.refused);
}

async fn until_sms_is_sent(app: &TestApp) {
    let sql = "SELECT COUNT(*) FROM sms_messages WHERE state = 'sent'";
    app.database.wait_for_count(sql, 1).await;
}

async fn the_timeline_of_a_held_released_and_refunded_order_has_every_step(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let short = json!({"order_id": order.id, "payment_status": "COMPLETED", "amount": 1500});
    assert_eq!(app.deliver(short.to_string()).await.verdict().1, "held");
    act(&app, &order, OrderAct::Release, "showed the receipt").await;
    until_sms_is_sent(&app).await;
    act(&app, &order, OrderAct::Refund, "router was broken").await;

    let seen = seen(&app, &order).await;

    let timeline = lines(&seen);
    let text = timeline
        .iter()
        .map(|(kind, summary)| format!("{kind}: {summary}"))
        .collect::<Vec<_>>()
        .join("\n");
    let code = seen["order"]["voucher"]["code"].as_str().unwrap();
    let invoice = seen["order"]["invoice_number"].as_str().unwrap();
    let mut from = 0;
    for expected in [
        &format!(
            "created: 255{} orders daily for 2000 TZS",
            &order.phone[1..]
        ),
        "push: ZenoPay is asked to ring the phone: accepted, HTTP 200 in ",
        "delivery: webhook says COMPLETED, 1500 TZS, proven by key: held in ",
        "alert: paid 500 TZS less than the price",
        &format!("commit: sold: voucher {code}, until "),
        &format!("invoice {invoice}"),
        &format!("radius: RADIUS user {code} is written, group daily"),
        "sms: SMS ",
        "is queued",
        "is accepted by log, state sent",
        &format!("revoked: voucher {code} is revoked (refunded); its RADIUS user is gone"),
    ] {
        let at = text[from..].find(expected);
        let at = at.unwrap_or_else(|| panic!("no {expected:?} after {from}:\n{text}"));
        from += at;
    }
    for note in [
        "note: released: 1500 TZS was paid of 2000, and it is sold",
        "note: refunded: 1500 TZS",
    ] {
        assert!(text.contains(note), "{note}:\n{text}");
    }
    assert_eq!(seen["order"]["status"], "REFUNDED");
    assert_eq!(seen["order"]["failure_reason"], "refunded");
    assert_eq!(seen["order"]["operator_reason"], "router was broken");
    assert_times_add_up(&seen);
}

/// Asserts that each line has its time and the milliseconds since the line before.
#[track_caller]
fn assert_times_add_up(seen: &Value) {
    let mut before: Option<chrono::DateTime<chrono::FixedOffset>> = None;
    for line in seen["timeline"].as_array().unwrap() {
        let at = chrono::DateTime::parse_from_rfc3339(line["at"].as_str().unwrap()).unwrap();
        match before {
            None => assert_eq!(line["after_ms"], Value::Null, "{line}"),
            Some(before) => {
                let after = (at - before).num_milliseconds();
                assert!(after >= 0, "{line}");
                // The text truncates fractions of a millisecond.
                let webhook = line["after_ms"].as_i64().unwrap();
                assert!((after - webhook).abs() <= 1, "{line}: {after}");
            }
        }
        before = Some(at);
    }
}

async fn an_order_that_was_paid_late_says_so(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.orders.expire_after_secs = 1).await;
    let order = app.buy().await;
    app.wait_for(&order, "EXPIRED").await;
    let expired = seen(&app, &order).await;
    app.deliver_word(&order, "COMPLETED").await;

    let late = seen(&app, &order).await;

    // ZenoPay is asked at about the same moment, so it need not be the last line.
    assert!(
        kinds(&expired).contains(&"deadline".to_owned()),
        "{expired:#}"
    );
    let kinds = kinds(&late);
    let place = |kind: &str| kinds.iter().position(|it| it == kind);
    assert!(place("deadline") < place("delivery"), "{kinds:?}");
    assert!(place("delivery") < place("commit"), "{kinds:?}");
}

async fn a_fault_of_an_order_is_an_alert(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let webhook = |reference: &str| json!({"order_id": order.id, "payment_status": "COMPLETED", "reference": reference});
    app.deliver(webhook("one").to_string()).await;
    assert!(!kinds(&seen(&app, &order).await).contains(&"alert".to_owned()));

    app.deliver(webhook("two").to_string()).await;
    app.database.execute("DELETE FROM radcheck").await;

    let alerts: Vec<_> = lines(&seen(&app, &order).await)
        .into_iter()
        .filter(|(kind, _)| kind == "alert")
        .map(|(_, summary)| summary)
        .collect();
    assert_eq!(alerts.len(), 2, "{alerts:?}");
    assert!(
        alerts.iter().any(|it| it.contains("charged twice")),
        "{alerts:?}"
    );
    assert!(
        alerts.iter().any(|it| it.contains("is missing")),
        "{alerts:?}"
    );
}

async fn a_guests_time_online_is_in_the_timeline(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    // Written as FreeRADIUS's stock queries do: Unix time on SQLite.
    let (start, stop) = match kind {
        Kind::Sqlite => (
            "CAST(strftime('%s', 'now', '+1 minutes') AS integer)",
            "CAST(strftime('%s', 'now', '+61 minutes') AS integer)",
        ),
        Kind::Postgres => (
            "now() + interval '1 minute'",
            "now() + interval '61 minutes'",
        ),
    };
    app.database
        .execute(&format!(
            "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime,
                acctstoptime, acctsessiontime, acctinputoctets, acctoutputoctets, callingstationid,
                calledstationid, acctterminatecause)
             SELECT 's1', 'u1', code, '10.0.0.1', {start}, {stop}, 3600, 1500000, 250000000,
                'AA-BB-CC-DD-EE-FF', '', 'Session-Timeout' FROM vouchers"
        ))
        .await;

    let timeline = lines(&seen(&app, &order).await);

    let sessions: Vec<_> = timeline
        .iter()
        .filter(|(kind, _)| kind == "session")
        .collect();
    assert_eq!(sessions.len(), 2, "{timeline:?}");
    assert_eq!(
        sessions[0].1,
        "device AA-BB-CC-DD-EE-FF is online through 10.0.0.1"
    );
    // With all of it another device could take the session over.
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let path = format!("/api/v1/operator/orders/{}", &order.id[..8]);
    let to_viewer = app.get_with(&path, &viewer).await.text;
    for part in [
        "device aabbcc****** is online",
        "device aabbcc****** is offline",
    ] {
        assert!(to_viewer.contains(part), "{to_viewer}");
    }
    assert!(!to_viewer.contains("DD-EE-FF"), "{to_viewer}");
    assert_eq!(
        sessions[1].1,
        "device AA-BB-CC-DD-EE-FF is offline after 60 min, 250.0 MB down, 1.5 MB up (Session-Timeout)"
    );
}

async fn endless_deliveries_do_not_hide_the_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let numbers = match kind {
        Kind::Sqlite => {
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n)"
        }
        Kind::Postgres => "generate_series(1, 500) AS n(i)",
    };
    app.database
        .execute(&format!(
            "INSERT INTO webhook_deliveries (order_id, outcome, received_at, processing_ms, body)
             SELECT order_id, 'duplicate', received_at, 1.0, body FROM webhook_deliveries, {numbers}"
        ))
        .await;

    let path = format!("/api/v1/operator/orders/{}", order.id);
    let seen = app.get_with(&path, &viewer).await.json();

    let deliveries = kinds(&seen)
        .iter()
        .filter(|kind| *kind == "delivery")
        .count();
    assert_eq!(deliveries, 200);
    assert!(
        lines(&seen)
            .iter()
            .any(|(_, summary)| summary.contains("only the newest entries"))
    );
    assert!(kinds(&seen).contains(&"commit".to_owned()));
}
