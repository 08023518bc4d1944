//! An order's `ref` names it wherever people work, and only admins' documents contain its id.

use malipo::domain::people::Role;
use serde_json::{Value, json};

use super::orders::search;
use crate::harness::process::run;
use crate::harness::{Answer, Kind, TOKEN, TestApp, TestOrder};

on_both_databases! {
    every_route_for_an_order_takes_its_ref,
    a_ref_of_two_orders_is_answered_with_their_times_and_packages,
    a_viewer_sees_no_order_id,
    an_order_is_found_by_its_ref_an_invoice_and_the_end_of_a_phone,
    the_terminal_shows_an_order_by_any_of_its_names,
    the_audit_log_names_an_order_by_its_ref,
}

fn order_ref(order: &TestOrder) -> &str {
    &order.id[..8]
}

async fn post(app: &TestApp, path: &str, body: &Value) -> Answer {
    let request = app.http.post(app.url(path)).bearer_auth(TOKEN).json(body);
    Answer::of(request.send().await.unwrap()).await
}

/// Gives the second order the same `ref` as the first one.
async fn share_a_ref(app: &TestApp, one: &TestOrder, other: &mut TestOrder) {
    let id = format!("{}{}", order_ref(one), &other.id[8..]);
    let value = match app.database.is_order(&id).split_once('=') {
        Some((_, value)) => value.to_owned(),
        None => panic!("a condition on order_id"),
    };
    let named = app.database.is_order(&other.id);
    for table in ["gateway_calls", "order_events", "payments"] {
        let sql = format!("UPDATE {table} SET order_id = {value} WHERE {named}");
        app.database.execute(&sql).await;
    }
    other.id = id;
}

async fn every_route_for_an_order_takes_its_ref(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (sold, held) = (app.buy().await, app.buy().await);
    app.deliver_word(&sold, "COMPLETED").await;
    let less = json!({"order_id": held.id, "payment_status": "COMPLETED", "amount": 500});
    app.deliver(less.to_string()).await;
    let base = "/api/v1/operator";

    let named = order_ref(&sold).to_uppercase();
    let shown = app.get_as_operator(&format!("{base}/orders/{named}")).await;
    let actor = app.get_as_operator(&format!("{base}/actors/{named}")).await;
    let journal = format!("{base}/webhooks?order_id={named}");
    let journal = app.get_as_operator(&journal).await.json();
    let page = app
        .get_as_operator(&format!("/operator/orders/{named}"))
        .await;

    assert_eq!(shown.json()["order"]["order_id"], sold.id, "{}", shown.text);
    assert_eq!(shown.json()["order"]["order"], order_ref(&sold));
    assert_eq!(actor.json()["order"], order_ref(&sold), "{}", actor.text);
    assert_eq!(actor.json()["order_id"], Value::Null);
    assert_eq!(journal["webhooks"][0]["order_id"], sold.id, "{journal}");
    assert_eq!(page.status, 200);

    let held_ref = order_ref(&held);
    let why = json!({"reason": "r", "decision": "complete"});
    for (act, status) in [
        ("reconcile", 200),
        ("release", 200),
        ("refund", 200),
        ("refund", 200),
    ] {
        let answer = post(&app, &format!("{base}/orders/{held_ref}/{act}"), &why).await;
        assert_eq!(answer.status, status, "{act}: {}", answer.text);
        assert_eq!(answer.json()["order"], held_ref, "{act}");
        assert_eq!(answer.json()["order_id"], held.id, "{act}");
    }
    app.get_as_operator(&format!("{base}/orders/00000000"))
        .await
        .assert_problem(404, "order_not_found");
}

async fn a_ref_of_two_orders_is_answered_with_their_times_and_packages(kind: Kind) {
    let app = TestApp::start(kind).await;
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let (one, mut other) = (app.buy().await, app.buy_package("weekly").await);
    share_a_ref(&app, &one, &mut other).await;
    let path = format!("/api/v1/operator/orders/{}", order_ref(&one));

    let ambiguous = app.get_as_operator(&path).await;
    let to_viewer = app.get_with(&path, &viewer).await;
    let refund = post(&app, &format!("{path}/refund"), &json!({"reason": "r"})).await;
    let journal = format!("/api/v1/operator/webhooks?order_id={}", order_ref(&one));

    ambiguous.assert_problem(409, "ambiguous_ref");
    refund.assert_problem(409, "ambiguous_ref");
    to_viewer.assert_problem(409, "ambiguous_ref");
    app.get_as_operator(&journal)
        .await
        .assert_problem(409, "ambiguous_ref");
    let candidates = &ambiguous.json()["candidates"];
    assert_eq!(candidates[0]["order_id"], other.id, "the newest first");
    assert_eq!(candidates[0]["package"], "weekly");
    assert_eq!(candidates[1]["order_id"], one.id);
    assert!(candidates[1]["created_at"].is_string());
    assert_eq!(to_viewer.json()["candidates"][1]["order_id"], Value::Null);

    // The console lists both, and an admin can open each.
    let list = app
        .get_as_operator(&format!("/operator/orders/{}", order_ref(&one)))
        .await;
    for order in [&one, &other] {
        let href = format!("/operator/orders/{}", order.id);
        assert!(list.text.contains(&href), "{}", list.text);
        assert_eq!(app.get_as_operator(&href).await.status, 200);
    }
}

async fn a_viewer_sees_no_order_id(kind: Kind) {
    let app = TestApp::start(kind).await;
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    app.deliver_word(&order, "NONSENSE").await;
    let orphan = uuid::Uuid::new_v4().to_string();
    let orphaned = json!({"order_id": orphan, "payment_status": "COMPLETED"});
    app.deliver(orphaned.to_string()).await;
    let external = "Amina 0712 of room 7";
    let orphaned = json!({"order_id": external, "payment_status": "COMPLETED"});
    app.deliver(orphaned.to_string()).await;
    let named = order_ref(&order);

    for path in [
        "/api/v1/operator/orders".to_owned(),
        format!("/api/v1/operator/orders/{named}"),
        "/api/v1/operator/webhooks".to_owned(),
        format!("/api/v1/operator/webhooks?order_id={named}"),
        "/api/v1/operator/webhooks/1".to_owned(),
        "/api/v1/operator/actors".to_owned(),
        "/api/v1/operator/reports/daily".to_owned(),
        "/api/v1/operator/reports/daily?format=csv".to_owned(),
        "/operator".to_owned(),
        "/operator/orders".to_owned(),
        format!("/operator/orders/{named}"),
        "/operator/deliveries".to_owned(),
        "/operator/deliveries/1".to_owned(),
        "/operator/report".to_owned(),
        "/operator/audit".to_owned(),
        "/operator/letters".to_owned(),
    ] {
        let answer = app.get_with(&path, &viewer).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        for whole in [order.id.as_str(), &orphan, external] {
            assert!(!answer.text.contains(whole), "{path}: {}", answer.text);
        }
    }
    // The remaining text still names the order; an admin's CSV has no more either.
    let seen = app
        .get_with(&format!("/api/v1/operator/orders/{named}"), &viewer)
        .await;
    assert_eq!(seen.json()["order"]["order"], named);
    assert_eq!(seen.json()["order"]["order_id"], Value::Null);
    let sheet = app
        .get_as_operator("/api/v1/operator/reports/daily?format=csv")
        .await;
    assert!(sheet.text.contains(named) && !sheet.text.contains(&order.id));
    assert!(!sheet.text.contains(&orphan), "{}", sheet.text);
}

async fn an_order_is_found_by_its_ref_an_invoice_and_the_end_of_a_phone(kind: Kind) {
    let app = TestApp::start(kind).await;
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let invoice = app.database.text("SELECT number FROM invoices").await;
    let end = &order.phone[order.phone.len() - 5..];

    for q in [
        order_ref(&order),
        &invoice.clone().unwrap(),
        &invoice.unwrap().to_lowercase(),
        end,
        &end[1..],
    ] {
        let found = search(&app, &[("q", q)]).await.json();
        assert_eq!(found["orders"][0]["order_id"], order.id, "{q}: {found}");
    }
    let three = search(&app, &[("q", &end[2..])]).await.json();
    assert_eq!(three["orders"], json!([]), "three digits are too few");
    let path = format!("/api/v1/operator/orders?q={end}");
    let by_viewer = app.get_with(&path, &viewer).await.json();
    assert_eq!(
        by_viewer["orders"],
        json!([]),
        "a viewer would find out digits"
    );
}

async fn the_terminal_shows_an_order_by_any_of_its_names(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, mut other) = (app.buy().await, app.buy_package("weekly").await);
    app.deliver_word(&order, "COMPLETED").await;
    let code = app.status(&order).await["voucher_code"].clone();
    let settings = [("MALIPO__DATABASE__URL", app.database.url.as_str())];
    let show = |name: &str, more: &[&str]| {
        let output = run(&[&["order", "show", name], more].concat(), &settings);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };

    for name in [
        &order.id,
        order_ref(&order),
        &order.phone,
        code.as_str().unwrap(),
    ] {
        let (status, text) = show(name, &[]);
        assert_eq!(status, Some(0), "{name}");
        let first = format!("Order {}  COMPLETED", order_ref(&order));
        assert!(text.starts_with(&first), "{name}: {text}");
        assert!(!text.contains(&order.id), "{text}");
    }
    let (_, revealed) = show(order_ref(&order), &["--reveal"]);
    assert!(revealed.contains(&order.id), "{revealed}");
    assert_eq!(show("00000000", &[]).0, Some(1));

    share_a_ref(&app, &order, &mut other).await;
    let (status, list) = show(order_ref(&order), &[]);
    assert_eq!(status, Some(1));
    let lines: Vec<_> = list.lines().collect();
    assert!(
        lines[0].starts_with(&other.id) && lines[0].contains("weekly"),
        "{list}"
    );
    assert!(
        lines[1].starts_with(&order.id) && lines[1].contains("daily"),
        "{list}"
    );
}

async fn the_audit_log_names_an_order_by_its_ref(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;

    let refund = format!("/api/v1/operator/orders/{}/refund", order.id);
    post(&app, &refund, &json!({"reason": "r"})).await;

    let subjects = "SELECT subject FROM audit_events WHERE action = 'refund'";
    let named = format!("order {}", order_ref(&order));
    assert_eq!(app.database.texts(subjects).await, [named]);
}
