//! A guest who has paid gets a voucher, however late and by whichever way the payment is found.

use serde_json::{Value, json};

use super::code_of;
use crate::harness::{DAILY_PRICE, Kind, SaleCounts, TestApp, TestOrder, body_of, fresh_phone};
use crate::reconciling::{ask_about, eventually};

on_both_databases! {
    the_documented_body_is_enough,
    the_guest_gets_the_voucher_whether_the_poll_or_the_webhook_finds_the_money,
    money_that_comes_after_two_minutes_still_brings_the_voucher,
    a_found_order_is_not_a_paid_order,
    a_webhook_that_comes_before_the_push_answer_finds_the_order,
    the_guest_pays_our_price_whatever_the_client_says,
    a_new_price_does_not_change_an_existing_order,
    the_voucher_is_found_again_on_the_resumable_page,
}

async fn the_documented_body_is_enough(kind: Kind) {
    let app = TestApp::start(kind).await;

    for body in [
        include_str!("../../fixtures/zenopay/completed-documented.json"),
        include_str!("../../fixtures/zenopay/completed-minimal.json"),
    ] {
        let order = app.buy().await;

        let answer = app.deliver(body.replace("ORDER", &order.id)).await;

        assert_eq!(answer.verdict(), (200, "completed".to_owned()), "{body}");
        assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
        // What the body leaves out is taken from our own row.
        let invoiced = format!(
            "SELECT COUNT(*) FROM invoices WHERE amount = {DAILY_PRICE} AND customer_phone = '255{}'",
            &order.phone[1..]
        );
        assert_eq!(app.database.count(&invoiced).await, 1);
    }
}

async fn the_guest_gets_the_voucher_whether_the_poll_or_the_webhook_finds_the_money(kind: Kind) {
    let app = TestApp::start(kind).await;
    let silently = json!({"deliver": false});

    let (by_webhook, by_asking, by_both) = (app.buy().await, app.buy().await, app.buy().await);
    for order in [&by_webhook, &by_asking, &by_both] {
        app.subscriber_decides(order, &silently).await;
    }
    app.deliver_word(&by_webhook, "COMPLETED").await;
    ask_about(&app, &by_asking).await;
    tokio::join!(
        app.deliver_word(&by_both, "COMPLETED"),
        ask_about(&app, &by_both)
    );

    for order in [&by_webhook, &by_asking, &by_both] {
        let document = app.wait_for(order, "COMPLETED").await;
        let code = code_of(&document);
        // The second one finds the sale complete, not only a mark.
        let copy = app.deliver_word(order, "COMPLETED").await;
        ask_about(&app, order).await;
        assert_eq!(copy.verdict(), (200, "duplicate".to_owned()));
        assert_eq!(code_of(&app.status(order).await), code);
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
}

/// Ages the order until its guest has given up: past its deadline.
async fn let_time_pass(app: &TestApp, order: &TestOrder) {
    let aged = format!(
        "UPDATE payments SET created_at = '{0}', deadline_at = '{0}' WHERE {1}",
        "2026-01-01T00:00:00+00:00",
        app.database.is_order(&order.id)
    );
    assert_eq!(app.database.execute(&aged).await, 1);
    ask_about(app, order).await;
}

async fn money_that_comes_after_two_minutes_still_brings_the_voucher(kind: Kind) {
    let app = TestApp::start(kind).await;

    for given_up in ["EXPIRED", "FAILED", "CANCELLED"] {
        let order = app.buy().await;
        match given_up {
            "EXPIRED" => let_time_pass(&app, &order).await,
            word => assert_eq!(app.deliver_word(&order, word).await.status, 200),
        }
        let shown = app.wait_for(&order, given_up).await;
        assert_eq!(shown["voucher_code"], Value::Null, "{given_up}");

        let late = app.deliver_word(&order, "COMPLETED").await;

        assert_eq!(late.verdict(), (200, "completed".to_owned()), "{given_up}");
        let document = app.status(&order).await;
        assert_eq!(document["payment_status"], "COMPLETED", "{given_up}");
        assert_eq!(document["failure_reason"], Value::Null, "{given_up}");
        // The purchased time begins now, not when the order was made.
        let fresh = "SELECT COUNT(*) FROM vouchers WHERE expires_at < '2026-01-03T00:00:00+00:00'";
        assert_eq!(app.database.count(fresh).await, 0, "{given_up}");
        assert_eq!(app.sale_of(&order).await, SaleCounts::ONE, "{given_up}");
    }
}

/// The simulated order-status answers `"result":"SUCCESS"` about every order that it knows.
async fn a_found_order_is_not_a_paid_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    ask_about(&app, &order).await;
    let hint = app.unproven(body_of(&order.id, "COMPLETED"));
    let hinted = hint.send().await.unwrap().status().as_u16();

    let calls = format!(
        "SELECT DISTINCT answer FROM gateway_calls WHERE kind = 'order_status' AND {}",
        app.database.is_order(&order.id)
    );
    eventually("ZenoPay was asked", async || {
        app.database.texts(&calls).await == ["PENDING"]
    })
    .await;
    assert_eq!(hinted, 401);
    assert_eq!(app.status(&order).await["payment_status"], "PENDING");
    assert_eq!(app.sale_of(&order).await, SaleCounts::NONE);
}

/// The guest pays before the push is answered, and in this test it never is.
async fn a_webhook_that_comes_before_the_push_answer_finds_the_order(kind: Kind) {
    let patient = |config: &mut malipo::config::Config| config.zenopay.create_timeout_ms = 25_000;
    let app = TestApp::start_with(kind, patient).await;
    let quick = json!({"push": "hang", "after_ms": 1});
    app.gateway_behaves(&quick).await;

    let payload = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
    let paying = app.pay(&payload);
    let sold = eventually("the order is sold", async || {
        app.database
            .count("SELECT COUNT(*) FROM payments WHERE status = 'COMPLETED'")
            .await
            == 1
    });
    tokio::select! {
        answer = paying => panic!("the push was answered first: {}", answer.text),
        () = sold => {}
    }

    let outcomes = "SELECT outcome FROM webhook_deliveries";
    assert_eq!(app.database.texts(outcomes).await, ["completed"]);
    let answered_pushes = "SELECT COUNT(*) FROM gateway_calls";
    assert_eq!(app.database.count(answered_pushes).await, 0);
}

async fn the_guest_pays_our_price_whatever_the_client_says(kind: Kind) {
    let app = TestApp::start(kind).await;
    let payload = |amount: Value| json!({"packageId": "daily", "phoneNumber": fresh_phone(), "amount": amount});

    for amount in [json!(1), json!("1"), json!(1_999), json!(2_001), json!(0)] {
        let answer = app.pay(&payload(amount.clone())).await;
        assert_eq!(answer.status, 409, "{amount}: {}", answer.text);
        assert_eq!(answer.code(), "price_changed", "{amount}");
        assert_eq!(answer.json()["price"], DAILY_PRICE, "{amount}");
    }
    let made = "SELECT COUNT(*) FROM payments";
    assert_eq!(app.database.count(made).await, 0);

    for amount in [json!(2_000), json!("2000"), Value::Null] {
        let answer = app.pay(&payload(amount.clone())).await;
        assert_eq!(answer.status, 201, "{amount}: {}", answer.text);
        assert_eq!(answer.json()["amount"], DAILY_PRICE, "{amount}");
    }
    let asked_for = "SELECT DISTINCT CAST(amount AS text) FROM sandbox_payments";
    assert_eq!(app.database.texts(asked_for).await, ["2000"]);

    // A webhook does not make it cheaper either.
    let order = app.buy().await;
    let cheap = json!({"order_id": order.id, "payment_status": "COMPLETED", "amount": 1});
    let answer = app.deliver(cheap.to_string()).await;
    assert_eq!(answer.verdict(), (200, "held".to_owned()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::NONE);
}

async fn a_new_price_does_not_change_an_existing_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    let dearer = "UPDATE packages SET price = 9000, duration_minutes = 1 WHERE code = 'daily'";
    app.database.execute(dearer).await;
    let paid = json!({"order_id": order.id, "payment_status": "COMPLETED", "amount": DAILY_PRICE});
    let answer = app.deliver(paid.to_string()).await;

    assert_eq!(answer.verdict(), (200, "completed".to_owned()));
    assert_eq!(app.status(&order).await["amount"], DAILY_PRICE);
    let kept = format!(
        "SELECT COUNT(*) FROM vouchers, invoices WHERE duration_minutes = 1440 AND amount = {DAILY_PRICE}"
    );
    assert_eq!(app.database.count(&kept).await, 1);
}

/// A phone with a new MAC address has lost its session, not its voucher.
async fn the_voucher_is_found_again_on_the_resumable_page(kind: Kind) {
    let app = TestApp::start(kind).await;
    let payload = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
    let answer = app.pay_with_key(&payload, "a-key-of-the-portal").await;
    let order = TestOrder {
        id: answer.json()["order_id"].as_str().unwrap().to_owned(),
        phone: String::new(),
        webhook_url: String::new(),
    };
    app.deliver_word(&order, "COMPLETED").await;
    let code = code_of(&app.status(&order).await);

    let database = app.stop().await;
    let app = TestApp::start_on(database, |_| {}).await;
    let resumed = app.pay_with_key(&payload, "a-key-of-the-portal").await;
    let status_url = resumed.json()["status_url"].as_str().unwrap().to_owned();
    let document = app.get(&app.url(&status_url)).await.json();

    assert_eq!(resumed.status, 200, "{}", resumed.text);
    assert_eq!(resumed.json()["resumed"], true);
    assert_eq!(code_of(&document), code);
    let texts = app.database.texts("SELECT body FROM sms_messages").await;
    assert_eq!(texts.len(), 1);
    assert!(texts[0].contains(&code), "the SMS has the same code");
}
