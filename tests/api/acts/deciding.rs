//! Only held orders can be released or refused, and only completed orders refunded.

use futures_util::future::join_all;
use serde_json::json;

use super::{audited, code_of, held, post, radius_rows, refund, release, sold};
use crate::harness::{Kind, SaleCounts, TestApp, TestOrder};

on_both_databases! {
    a_held_order_that_is_released_is_sold_and_logged,
    a_held_order_that_is_refused_is_refunded_and_never_sold,
    a_refund_revokes_the_voucher_and_a_second_one_changes_nothing,
    an_action_that_the_order_does_not_allow_is_refused_and_not_logged,
    an_invalid_request_changes_nothing,
    concurrent_releases_beside_webhooks_release_once,
    concurrent_refunds_beside_webhooks_refund_once,
}

async fn a_held_order_that_is_released_is_sold_and_logged(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = held(&app).await;

    let answer = release(&app, &order, "complete").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let json = answer.json();
    assert_eq!(json["payment_status"], "COMPLETED");
    assert_eq!(
        (&json["version"], &json["changed"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    assert!(app.status(&order).await["voucher_code"].is_string());
    assert_eq!(
        audited(&app, &order).await,
        [format!(
            "bootstrap release order {} paid the rest in cash",
            &order.id[..8]
        )]
    );
    let note = format!(
        "SELECT summary FROM order_events WHERE kind = 'released' AND {}",
        app.database.is_order(&order.id)
    );
    assert_eq!(
        app.database.text(&note).await.as_deref(),
        Some("released: 500 TZS was paid of 2000, and it is sold")
    );

    let again = release(&app, &order, "complete").await;

    again.assert_problem(409, "invalid_transition");
    assert_eq!(again.json()["payment_status"], "COMPLETED");
    assert_eq!(audited(&app, &order).await.len(), 1);
}

async fn a_held_order_that_is_refused_is_refunded_and_never_sold(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = held(&app).await;

    let answer = release(&app, &order, "refuse").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["payment_status"], "REFUNDED");
    assert_eq!(app.sale_of(&order).await, SaleCounts::NONE);
    let note = format!(
        "SELECT summary FROM order_events WHERE kind = 'refused' AND {}",
        app.database.is_order(&order.id)
    );
    assert_eq!(
        app.database.text(&note).await.as_deref(),
        Some("refused: 500 TZS was paid of 2000; nothing was sold, and the shop pays it back")
    );
    assert_eq!(audited(&app, &order).await.len(), 1);
    let late = app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(late.verdict(), (200, "duplicate".to_owned()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::NONE);
}

async fn a_refund_revokes_the_voucher_and_a_second_one_changes_nothing(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let code = code_of(&app, &order).await;
    assert!(radius_rows(&app, &code).await > 0);

    let answer = refund(&app, &order).await;
    let document = app.status(&order).await;
    let again = refund(&app, &order).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["changed"], true);
    assert_eq!(document["payment_status"], "REFUNDED");
    assert_eq!(document["voucher_code"], json!(null));
    assert_eq!(radius_rows(&app, &code).await, 0);
    let reason = format!(
        "SELECT revoked_reason FROM vouchers WHERE code = '{code}' AND revoked_at IS NOT NULL"
    );
    assert_eq!(
        app.database.text(&reason).await.as_deref(),
        Some("refunded")
    );
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(again.json()["changed"], false);
    assert_eq!(app.status(&order).await["version"], document["version"]);
    assert_eq!(
        audited(&app, &order).await,
        [format!(
            "bootstrap refund order {} the line was down; method: cash; reference: R-77",
            &order.id[..8]
        )]
    );
}

async fn an_action_that_the_order_does_not_allow_is_refused_and_not_logged(kind: Kind) {
    let app = TestApp::start(kind).await;
    let mut orders: Vec<(TestOrder, &str)> = Vec::new();
    for word in ["PENDING", "FAILED", "CANCELLED", "COMPLETED"] {
        let order = app.buy().await;
        app.deliver_word(&order, word).await;
        orders.push((order, word));
    }

    for (order, status) in &orders {
        for decision in ["complete", "refuse"] {
            let answer = release(&app, order, decision).await;
            answer.assert_problem(409, "invalid_transition");
        }
        if *status != "COMPLETED" {
            refund(&app, order)
                .await
                .assert_problem(409, "invalid_transition");
        }
        assert_eq!(app.status(order).await["payment_status"], *status);
    }
    let waits = held(&app).await;
    refund(&app, &waits)
        .await
        .assert_problem(409, "invalid_transition");
    let lines = "SELECT COUNT(*) FROM audit_events";
    assert_eq!(app.database.count(lines).await, 0);
}

async fn an_invalid_request_changes_nothing(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (waits, done) = (held(&app).await, sold(&app).await);
    let long = "x".repeat(201);
    let reasons = [
        json!({}),
        json!({"reason": null}),
        json!({"reason": ""}),
        json!({"reason": " \n "}),
        json!({"reason": 7}),
        json!({"reason": ["x"]}),
        json!({"reason": long}),
    ];

    for mut payload in reasons {
        let path = format!("/orders/{}/refund", done.id);
        post(&app, &path, &payload)
            .await
            .assert_problem(422, "invalid_request");
        payload["decision"] = json!("complete");
        let path = format!("/orders/{}/release", waits.id);
        post(&app, &path, &payload)
            .await
            .assert_problem(422, "invalid_request");
    }
    for decision in [json!(null), json!("COMPLETE"), json!("sell"), json!(true)] {
        let payload = json!({"reason": "why not", "decision": decision});
        let path = format!("/orders/{}/release", waits.id);
        post(&app, &path, &payload)
            .await
            .assert_problem(422, "invalid_request");
    }
    for payload in [json!([]), json!("reason"), json!(1)] {
        let path = format!("/orders/{}/refund", done.id);
        post(&app, &path, &payload)
            .await
            .assert_problem(400, "invalid_request");
    }
    let payload = json!({"reason": "why not", "method": "x".repeat(101)});
    let path = format!("/orders/{}/refund", done.id);
    post(&app, &path, &payload)
        .await
        .assert_problem(422, "invalid_request");
    for unknown in ["00000000-0000-4000-8000-000000000000", "x"] {
        let payload = json!({"reason": "why not", "decision": "complete"});
        for act in ["release", "refund", "reconcile"] {
            let path = format!("/orders/{unknown}/{act}");
            post(&app, &path, &payload)
                .await
                .assert_problem(404, "order_not_found");
        }
    }

    assert_eq!(app.status(&waits).await["payment_status"], "HELD");
    assert_eq!(app.status(&done).await["payment_status"], "COMPLETED");
    let lines = "SELECT COUNT(*) FROM audit_events";
    assert_eq!(app.database.count(lines).await, 0);
}

async fn concurrent_releases_beside_webhooks_release_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = held(&app).await;

    let releases = join_all((0..5).map(|_| release(&app, &order, "complete")));
    let copies = join_all((0..5).map(|_| app.deliver_word(&order, "COMPLETED")));
    let (releases, copies) = tokio::join!(releases, copies);

    let done = releases
        .iter()
        .filter(|answer| answer.status == 200)
        .count();
    let refused = releases
        .iter()
        .filter(|answer| answer.status == 409)
        .count();
    assert_eq!((done, refused), (1, 4));
    assert!(copies.iter().all(|answer| answer.status == 200));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    assert_eq!(audited(&app, &order).await.len(), 1);
}

async fn concurrent_refunds_beside_webhooks_refund_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;

    let refunds = join_all((0..5).map(|_| refund(&app, &order)));
    let copies = join_all((0..5).map(|_| app.deliver_word(&order, "COMPLETED")));
    let (refunds, copies) = tokio::join!(refunds, copies);

    assert!(refunds.iter().all(|answer| answer.status == 200));
    let changed = |answer: &&crate::harness::Answer| answer.json()["changed"] == true;
    assert_eq!(refunds.iter().filter(changed).count(), 1);
    assert!(copies.iter().all(|answer| answer.status == 200));
    assert_eq!(app.status(&order).await["payment_status"], "REFUNDED");
    assert_eq!(audited(&app, &order).await.len(), 1);
}
