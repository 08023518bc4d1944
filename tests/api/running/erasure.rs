//! A customer who asks to be forgotten is, and the books are kept.

use serde_json::{Value, json};

use crate::harness::{Answer, Kind, SaleCounts, TOKEN, TestApp, TestOrder, fresh_phone};

on_both_databases! {
    who_asks_to_be_forgotten_is_in_no_table_and_the_invoice_stays,
    nobody_is_forgotten_while_an_order_is_open,
}

const NAME: &str = "Zuhura Kisanga";
const REASON: &str = "asked by letter";

async fn buy_as(app: &TestApp, phone: &str) -> TestOrder {
    let wish = json!({"packageId": "daily", "phoneNumber": phone, "customerName": NAME});
    let answer = app.pay(&wish).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    TestOrder {
        id: answer.json()["order_id"].as_str().unwrap().to_owned(),
        phone: phone.to_owned(),
        webhook_url: String::new(),
    }
}

async fn erase(app: &TestApp, body: &Value) -> Answer {
    let request = app
        .http
        .post(app.url("/api/v1/operator/customers/erase"))
        .bearer_auth(TOKEN)
        .json(body);
    Answer::of(request.send().await.unwrap()).await
}

async fn who_asks_to_be_forgotten_is_in_no_table_and_the_invoice_stays(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();
    let sold = buy_as(&app, &phone).await;
    let told = json!({"order_id": sold.id, "payment_status": "COMPLETED", "msisdn": phone});
    app.deliver(told.to_string()).await;
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
    let counts = json!({"status": "success", "orders": 2, "vouchers": 1, "sms": 1});
    assert_eq!(answer.json(), counts);
    for private in [&phone[1..], "Kisanga"] {
        let found = app.database.tables_with(private).await;
        assert_eq!(found, Vec::<String>::new(), "{private}");
    }
    // The code may stand where it names a row, and lets nobody in.
    for table in ["radcheck", "radreply", "radusergroup"] {
        let rows = format!("SELECT COUNT(*) FROM {table} WHERE username = '{code}'");
        assert_eq!(app.database.count(&rows).await, 0, "{table}");
    }
    let texts = format!("SELECT COUNT(*) FROM sms_messages WHERE body LIKE '%{code}%'");
    assert_eq!(app.database.count(&texts).await, 0);
    // The books are as they were.
    assert_eq!(app.database.text(invoice).await, before);
    let paid = "SELECT COUNT(*) FROM invoices JOIN customers ON customer_phone = phone";
    assert_eq!(app.database.count(paid).await, 2);
    assert_eq!(app.status(&sold).await["payment_status"], "COMPLETED");
    assert_eq!(app.sale_of(&other).await, SaleCounts::ONE);
    let audited = format!(
        "SELECT COUNT(*) FROM audit_events WHERE action = 'erase_customer' AND operator = 'bootstrap' AND detail = '{REASON}' AND subject LIKE 'erased-%'"
    );
    assert_eq!(app.database.count(&audited).await, 1);
    // Money that still comes is not lost, and brings the phone back nowhere.
    let late = app.deliver_word(&failed, "COMPLETED").await;
    assert_eq!(late.verdict(), (200, "completed".to_owned()));
    let found = app.database.tables_with(&phone[1..]).await;
    assert_eq!(found, Vec::<String>::new());
    // Somebody who is not there any more is not found again.
    let again = erase(&app, &json!({"phone": phone, "reason": REASON})).await;
    assert_eq!(again.json()["orders"], 0);
}

async fn nobody_is_forgotten_while_an_order_is_open(kind: Kind) {
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
