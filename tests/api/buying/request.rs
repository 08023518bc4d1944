//! Which purchase requests are accepted, and how an invalid one is answered.

use reqwest::Method;
use serde_json::{Value, json};

use super::{order_of, orders, post};
use crate::harness::{Answer, DAILY_PRICE, Kind, TOKEN, TestApp, fresh_phone};

on_both_databases! {
    a_phone_number_is_read_in_every_usual_spelling,
    a_number_that_is_not_a_tanzanian_mobile_is_refused,
    portals_may_use_other_field_names_and_types,
    an_amount_other_than_the_price_is_refused,
    an_invalid_value_is_named,
    a_purchase_that_cannot_be_read_is_refused,
    a_body_that_is_too_large_is_refused,
    a_page_that_does_not_exist_is_a_problem_too,
    a_method_that_a_path_does_not_have_is_answered_405,
}

async fn a_phone_number_is_read_in_every_usual_spelling(kind: Kind) {
    let app = TestApp::start(kind).await;
    // The same eight digits of a subscriber in every spelling of the number.
    let forms: [fn(&str) -> Value; 13] = [
        |eight| json!(format!("7{eight}")),
        |eight| json!(format!("7{eight}").parse::<u64>().unwrap()),
        |eight| json!(format!("07{eight}")),
        |eight| json!(format!("2557{eight}")),
        |eight| json!(format!("2557{eight}").parse::<u64>().unwrap()),
        |eight| json!(format!("+2557{eight}")),
        |eight| json!(format!("25507{eight}")),
        |eight| json!(format!("002557{eight}")),
        |eight| json!(format!("+255 7{} {}", &eight[..2], &eight[2..])),
        |eight| {
            json!(format!(
                "07{}-{}-{}",
                &eight[..2],
                &eight[2..5],
                &eight[5..]
            ))
        },
        |eight| json!(format!("  07{eight} ")),
        |eight| json!(format!("07{eight}-")),
        |eight| json!(format!("0 7 {eight}")),
    ];

    for form in forms {
        let phone = fresh_phone();
        let eight = &phone[2..];
        let written = form(eight);

        assert_eq!(stored_phone(&app, &written).await, format!("2557{eight}"));
    }
    assert_eq!(
        stored_phone(&app, &json!("0612345678")).await,
        "255612345678"
    );
    assert_eq!(
        stored_phone(&app, &json!(655_444_333)).await,
        "255655444333"
    );
}

/// Buys with this spelling of a phone number and returns the stored form.
async fn stored_phone(app: &TestApp, written: &Value) -> String {
    let answer = app
        .pay(&json!({"packageId": "daily", "phoneNumber": written}))
        .await;
    assert_eq!(answer.status, 201, "{written}: {}", answer.text);
    let is_order = app.database.is_order(&order_of(&answer, "").id);
    app.database
        .text(&format!("SELECT phone FROM payments WHERE {is_order}"))
        .await
        .unwrap()
}

async fn a_number_that_is_not_a_tanzanian_mobile_is_refused(kind: Kind) {
    let app = TestApp::start(kind).await;

    for phone in [
        json!(""),
        json!("0"),
        json!("812345678"),
        json!("0512345678"),
        json!("071234567"),
        json!("07123456789"),
        json!("0712345a78"),
        json!("+254712345678"),
        json!("00712345678"),
        json!("002550712345678"),
        json!("++255712345678"),
        json!("255255712345678"),
        json!("0712 345 678;0712345679"),
        json!("٠٧١٢٣٤٥٦٧٨"),
        json!("0712345678\u{0}"),
        json!(12),
        json!(null),
        json!(true),
        json!(["0712345678"]),
        json!({"number": "0712345678"}),
    ] {
        app.pay(&json!({"packageId": "daily", "phoneNumber": phone}))
            .await
            .assert_problem(422, "invalid_phone");
    }
    assert_eq!(orders(&app).await, 0);
}

async fn portals_may_use_other_field_names_and_types(kind: Kind) {
    let app = TestApp::start(kind).await;

    for body in [
        json!({"packageId": "daily", "phoneNumber": fresh_phone(), "customerName": "Asha",
            "amount": 2000, "currency": "TZS", "paymentMethod": "mpesa"}),
        json!({"package_id": "daily", "phone_number": fresh_phone(), "customer_name": "Asha",
            "amount": "2000", "currency": "TZS", "payment_method": {"name": "mpesa"}}),
        json!({"packageId": "daily", "phone_number": fresh_phone(), "amount": "2000.00"}),
        json!({"packageId": " daily ", "phoneNumber": fresh_phone(), "amount": 2000.0}),
        json!({"packageId": "daily", "phoneNumber": fresh_phone(), "customerName": null,
            "amount": null, "currency": null, "paymentMethod": null}),
        json!({"packageId": "daily", "phoneNumber": fresh_phone(), "currency": "tzs",
            "somethingElse": [1, 2, 3]}),
    ] {
        let answer = app.pay(&body).await;

        assert_eq!(answer.status, 201, "{body}: {}", answer.text);
        assert_eq!(answer.json()["amount"], DAILY_PRICE, "{body}");
    }
}

async fn an_amount_other_than_the_price_is_refused(kind: Kind) {
    let app = TestApp::start(kind).await;

    for amount in [
        json!(1),
        json!(0),
        json!(1999),
        json!(2001),
        json!("1500"),
        json!("20000"),
    ] {
        let answer = app
            .pay(&json!({"packageId": "daily", "phoneNumber": fresh_phone(), "amount": amount}))
            .await;

        answer.assert_problem(409, "price_changed");
        assert_eq!(answer.json()["price"], DAILY_PRICE, "{amount}");
    }
    assert_eq!(orders(&app).await, 0);
}

async fn an_invalid_value_is_named(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();

    for (field, value) in [
        ("currency", json!("USD")),
        ("currency", json!("")),
        ("amount", json!("much")),
        ("amount", json!(-2000)),
        ("amount", json!(true)),
        ("amount", json!([2000])),
        // A guest who expects this price must not be charged another.
        ("amount", json!(2000.5)),
        ("amount", json!("2000.01")),
        ("packageId", json!(null)),
        ("packageId", json!("")),
        ("packageId", json!(true)),
        ("packageId", json!({"id": 1})),
    ] {
        let mut body = json!({"packageId": "daily", "phoneNumber": phone});
        body[field] = value;
        let answer = app.pay(&body).await;

        answer.assert_problem(422, "invalid_request");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(field), "{body}: {detail}");
    }
    assert_eq!(orders(&app).await, 0);
}

async fn a_purchase_that_cannot_be_read_is_refused(kind: Kind) {
    let app = TestApp::start(kind).await;
    let bodies: [&[u8]; 12] = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b"\"daily\"",
        b"packageId=daily&phoneNumber=0712345678",
        b"{}",
        br#"{"packageId": "daily"}"#,
        br#"{"phoneNumber": "0712345678"}"#,
        b"{\"packageId\": \"daily\", \"phoneNumber\": \"0712345678\", \"customerName\": \"\xff\"}",
        br#"{"packageId": "daily", "phoneNumber": "0712345678", "customerName": "\ud800"}"#,
    ];

    for body in bodies {
        post(&app, body)
            .await
            .assert_problem(400, "invalid_request");
    }
    let deep = "[".repeat(10_000);
    post(&app, deep)
        .await
        .assert_problem(400, "invalid_request");
    assert_eq!(orders(&app).await, 0);
}

async fn a_body_that_is_too_large_is_refused(kind: Kind) {
    let app = TestApp::start(kind).await;
    let name = "a".repeat(64 * 1024);

    let answer = app
        .pay(&json!({"packageId": "daily", "phoneNumber": "0712345678", "customerName": name}))
        .await;

    answer.assert_problem(413, "payload_too_large");
    assert_eq!(orders(&app).await, 0);
}

async fn a_page_that_does_not_exist_is_a_problem_too(kind: Kind) {
    let app = TestApp::start(kind).await;

    for (method, path) in [
        (Method::GET, "/nowhere"),
        (Method::GET, "/api/v1/customer-portal/nowhere"),
        (Method::POST, "/api/v1/customer-portal/payment/nothing"),
    ] {
        let answer = app.http.request(method, app.url(path)).send().await;
        Answer::of(answer.unwrap())
            .await
            .assert_problem(404, "not_found");
    }
}

async fn a_method_that_a_path_does_not_have_is_answered_405(kind: Kind) {
    let app = TestApp::start(kind).await;

    for (method, path, allowed) in [
        (Method::GET, "/api/v1/customer-portal/payment", "POST"),
        (Method::DELETE, "/api/v1/customer-portal/packages", "GET"),
        (
            Method::GET,
            "/api/v1/customer-portal/webhook/zenopay/x",
            "POST",
        ),
        (Method::TRACE, "/api/v1/operator/nas", "GET, POST"),
        (Method::TRACE, "/api/v1/operator/nas/1", "DELETE"),
        (Method::POST, "/health/live", "GET, HEAD"),
        (Method::DELETE, "/metrics", "GET"),
        (Method::DELETE, "/openapi.json", "GET"),
        (Method::DELETE, "/sandbox/behaviour", "GET, POST, PUT"),
    ] {
        let request = app.http.request(method, app.url(path)).bearer_auth(TOKEN);
        let answer = Answer::of(request.send().await.unwrap()).await;
        answer.assert_problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
    }
}
