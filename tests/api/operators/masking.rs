//! Which roles see phones, codes and bodies, and what the audit log records about it.

use malipo::domain::people::Role;
use serde_json::{Value, json};

use crate::harness::{Kind, TestApp, TestOrder};

on_both_databases! {
    a_viewer_sees_no_phone_no_code_no_name_and_no_body,
    an_admin_sees_one_order_unmasked_and_lists_masked,
    every_unmasking_is_audited_once,
}

const PAYER: &str = "255744000001";
const NAME: &str = "Neema Mushi";

/// An order with private data in every place that can have some.
async fn order_with_private_data(app: &TestApp) -> (TestOrder, String) {
    let order = app.buy().await;
    assert_eq!(app.deliver_word(&order, "COMPLETED").await.status, 200);
    let code = app.status(&order).await["voucher_code"].clone();
    let code = code.as_str().unwrap().to_owned();
    let named = app.database.is_order(&order.id);
    let international = format!("255{}", &order.phone[1..]);
    let blurted = format!("{} or {international} or {PAYER}, code {code}", order.phone);
    app.database
        .execute(&format!(
            "UPDATE payments SET payer_msisdn = '{PAYER}', customer_name = '{NAME}', gateway_word = '{blurted}', operator_reason = '{blurted}' WHERE {named}"
        ))
        .await;
    app.database
        .execute(&format!(
            "UPDATE sms_messages SET last_error = '{blurted}', sent_at = NULL WHERE payment_id = (SELECT id FROM payments WHERE {named})"
        ))
        .await;
    app.database
        .execute(&format!(
            "UPDATE gateway_calls SET detail = '{blurted}' WHERE {named}"
        ))
        .await;
    for (table, columns, values) in [
        (
            "order_events",
            "order_id, at, kind, level, summary",
            format!("'x', 'alert', '{blurted}'"),
        ),
        (
            "audit_events",
            "order_id, at, operator, action, subject, detail",
            format!("'asha', 'note', 'order', '{blurted}'"),
        ),
    ] {
        app.database
            .execute(&format!(
                "INSERT INTO {table} ({columns}) SELECT order_id, created_at, {values} FROM payments WHERE {named}"
            ))
            .await;
    }
    (order, code)
}

fn secrets(order: &TestOrder, code: &str) -> [String; 4] {
    // In every spelling, the number contains the subscriber's nine digits.
    [&order.phone[1..], code, &PAYER[3..], NAME].map(str::to_owned)
}

async fn delivery_of(app: &TestApp, order: &TestOrder) -> i64 {
    let sql = format!(
        "SELECT MIN(id) FROM webhook_deliveries WHERE order_id = '{}'",
        order.id
    );
    app.database.count(&sql).await
}

async fn a_viewer_sees_no_phone_no_code_no_name_and_no_body(kind: Kind) {
    let app = TestApp::start(kind).await;
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let (order, code) = order_with_private_data(&app).await;
    let delivery = delivery_of(&app, &order).await;

    for path in [
        format!("/orders?q={}", order.phone),
        format!("/orders?q={code}"),
        format!("/orders/{}", order.id),
        format!("/webhooks?order_id={}", order.id),
        format!("/webhooks/{delivery}"),
        "/actors".to_owned(),
        format!("/actors/{}", order.id),
    ] {
        let answer = app
            .get_with(&format!("/api/v1/operator{path}"), &viewer)
            .await;
        assert_eq!(answer.status, 200, "{path}");
        for secret in secrets(&order, &code) {
            assert!(
                !answer.text.contains(&secret),
                "{path} shows {secret}: {}",
                answer.text
            );
        }
        assert!(answer.json().get("body").is_none(), "{path}");
    }
    let seen = app
        .get_with(&format!("/api/v1/operator/orders/{}", order.id), &viewer)
        .await
        .json();
    let masked = format!("255{}*****{}", &order.phone[1..2], &order.phone[7..]);
    assert_eq!(seen["order"]["phone"], masked);
    assert_eq!(
        seen["order"]["voucher_code"],
        format!("{}******", &code[..2])
    );
    assert_eq!(seen["order"]["masked"], true);
}

async fn an_admin_sees_one_order_unmasked_and_lists_masked(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, code) = order_with_private_data(&app).await;
    let delivery = delivery_of(&app, &order).await;

    let seen = app
        .get_as_operator(&format!("/api/v1/operator/orders/{}", order.id))
        .await;
    let list = app
        .get_as_operator(&format!("/api/v1/operator/orders?q={}", order.id))
        .await;
    let webhook = app
        .get_as_operator(&format!("/api/v1/operator/webhooks/{delivery}"))
        .await;

    for secret in secrets(&order, &code) {
        assert!(seen.text.contains(&secret), "{secret} is not there");
        assert!(!list.text.contains(&secret), "a list shows {secret}");
    }
    let shown = &seen.json()["order"];
    assert_eq!(shown["phone"], format!("255{}", &order.phone[1..]));
    assert_eq!(
        (&shown["voucher_code"], &shown["voucher"]["code"]),
        (&json!(code), &json!(code))
    );
    assert_eq!(
        (&shown["payer_msisdn"], &shown["masked"]),
        (&json!(PAYER), &json!(false))
    );
    let body: Value = serde_json::from_str(webhook.json()["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["order_id"], order.id);
}

async fn every_unmasking_is_audited_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (viewer, asha) = (
        app.add_operator("vera", Role::Viewer).await,
        app.add_operator("asha", Role::Admin).await,
    );
    let (order, other) = (app.buy().await, app.buy().await);
    app.deliver_word(&order, "COMPLETED").await;
    let delivery = delivery_of(&app, &order).await;
    let look = async |path: String, token: &str| {
        let answer = app
            .get_with(&format!("/api/v1/operator{path}"), token)
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    let audited = async || {
        let sql =
            "SELECT operator || ' ' || action || ' ' || subject FROM audit_events ORDER BY id";
        app.database.texts(sql).await
    };

    look(format!("/orders?q={}", order.phone), &asha).await;
    look(format!("/orders/{}", order.id), &viewer).await;
    look(format!("/webhooks/{delivery}"), &viewer).await;
    assert_eq!(
        audited().await,
        Vec::<String>::new(),
        "nothing was revealed"
    );

    for _ in 0..3 {
        look(format!("/orders/{}", order.id), &asha).await;
        look(format!("/webhooks/{delivery}"), &asha).await;
    }
    look(format!("/orders/{}", other.id), &asha).await;
    let bootstrap = app
        .get_as_operator(&format!("/api/v1/operator/orders/{}", order.id))
        .await;

    let webhook = format!("asha reveal webhook {delivery}");
    let expected = [
        "asha reveal order",
        &webhook,
        "asha reveal order",
        "bootstrap reveal order",
    ];
    assert_eq!(audited().await, expected);
    let of_order = app.database.is_order(&order.id);
    let sql = format!("SELECT COUNT(*) FROM audit_events WHERE {of_order}");
    assert_eq!(app.database.count(&sql).await, 3);
    let timeline = bootstrap.json()["timeline"].to_string();
    assert!(timeline.contains("asha: reveal order"), "{timeline}");
    app.get_as_operator("/api/v1/operator/orders/00000000-0000-0000-0000-000000000000")
        .await
        .assert_problem(404, "order_not_found");
    assert_eq!(audited().await.len(), 4, "there was nothing to see");
}
