//! Values that PostgreSQL cannot store, wherever a text or a number comes from outside: each is answered
//! once and for all. An answer of 503 would have the sender repeat it for ever.

use serde_json::{Value, json};

use crate::harness::{Answer, KEY, Kind, SaleCounts, TOKEN, TestApp, fresh_phone};

on_both_databases! {
    a_webhook_sells_whatever_its_other_fields_contain,
    a_webhook_that_names_no_order_is_answered_and_journalled,
    what_guests_send_is_stored_or_refused_and_never_a_failure,
    what_operators_send_is_stored_or_refused_and_never_a_failure,
}

/// As JSON source: NUL, half a surrogate pair, invalid in other ways, too long, out of range.
fn odd_values() -> Vec<String> {
    let texts = [
        "\\u0000",
        "a\\u0000b",
        "\\ud800",
        "\\udfff\\ud800",
        "\\uffff",
        "\\u202e\\u0001",
        "\\\\x00",
        &"\u{1F980}".repeat(2_000),
        &"x".repeat(12_000),
    ]
    .map(|text| format!("\"{text}\""));
    let numbers = [
        "1e400",
        "-1",
        "9223372036854775808",
        "340282366920938463463374607431768211456",
        "0.1",
        "1e-400",
    ];
    let others = [
        "null",
        "true",
        "[]",
        "{}",
        "[\"\\u0000\"]",
        "{\"\\u0000\": 1}",
    ];
    let plain = numbers.iter().chain(&others).map(|it| (*it).to_owned());
    texts.into_iter().chain(plain).collect()
}

/// The same as texts, for a query or a path, in percent.
const ODD_TEXTS: [&str; 8] = [
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%FF%FE",
    "9223372036854775808",
    "-1",
    "%F0%9F%A6%80%F0%9F%A6%80",
    "255712345678%00",
];

async fn a_webhook_sells_whatever_its_other_fields_contain(kind: Kind) {
    let app = TestApp::start(kind).await;
    for field in [
        "reference",
        "transid",
        "channel",
        "payment_method",
        "msisdn",
        "phone",
        "metadata",
        "\\u0000",
    ] {
        for value in odd_values() {
            let order = app.buy().await;
            let body = format!(
                r#"{{"order_id": "{}", "payment_status": "COMPLETED", "{field}": {value}}}"#,
                order.id
            );

            let answer = app.deliver(body.clone()).await;

            assert_eq!(
                answer.verdict(),
                (200, "completed".to_owned()),
                "{body:.200}"
            );
            assert_eq!(app.sale_of(&order).await, SaleCounts::ONE, "{body:.200}");
        }
    }
}

async fn a_webhook_that_names_no_order_is_answered_and_journalled(kind: Kind) {
    let app = TestApp::start(kind).await;
    let journalled = "SELECT COUNT(*) FROM webhook_deliveries";
    let mut bodies: Vec<Vec<u8>> = vec![
        b"\0".to_vec(),
        b"{\"order_id\": \"\0\"}".to_vec(),
        vec![0xff; 64],
    ];
    for value in odd_values() {
        bodies.push(format!(r#"{{"order_id": {value}, "payment_status": "COMPLETED"}}"#).into());
        bodies.push(format!(r#"{{"order_id": "x", "payment_status": {value}}}"#).into());
        bodies.push(
            format!(r#"{{"order_id": "x", "payment_status": "PAID", "reference": {value}}}"#)
                .into(),
        );
    }
    for text in ODD_TEXTS {
        bodies.push(format!("order_id={text}&payment_status={text}&reference={text}").into());
    }
    for (before, body) in (0..).zip(bodies) {
        assert_eq!(app.database.count(journalled).await, before);
        let shown = String::from_utf8_lossy(&body)
            .chars()
            .take(100)
            .collect::<String>();

        let answer = app.deliver(body).await;

        assert!(
            matches!(answer.status, 400 | 404),
            "{shown}: {}",
            answer.text
        );
        assert_eq!(app.database.count(journalled).await, before + 1, "{shown}");
    }
    let order = app.buy().await;
    for text in ODD_TEXTS {
        for path in [
            format!("{}.{text}", order.id),
            format!("{text}.{text}"),
            text.to_owned(),
        ] {
            let url = app.portal(&format!("/webhook/zenopay/{path}"));
            let request = app.http.post(url).header("x-api-key", KEY);
            let request = request.header("content-type", "x".repeat(3_000)).body("{}");
            let answer = Answer::of(request.send().await.unwrap()).await;
            assert!(
                (400..500).contains(&answer.status),
                "{path}: {}",
                answer.text
            );
        }
    }
}

async fn what_guests_send_is_stored_or_refused_and_never_a_failure(kind: Kind) {
    let app = TestApp::start(kind).await;
    for field in [
        "packageId",
        "phoneNumber",
        "customerName",
        "amount",
        "currency",
        "paymentMethod",
        "mac",
        "site",
    ] {
        for value in odd_values() {
            let mut body = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
            body[field] = Value::String("HERE".to_owned());
            let body = body.to_string().replace("\"HERE\"", &value);
            let request = app.http.post(app.portal("/payment")).body(body.clone());
            let answer = Answer::of(request.send().await.unwrap()).await;
            assert!(answer.status < 500, "{body:.200}: {}", answer.text);
        }
    }
    let order = app.buy().await;
    for text in ODD_TEXTS {
        for path in [
            format!("/api/v1/customer-portal/payment/status/{text}"),
            format!(
                "/api/v1/customer-portal/payment/status/{}?wait={text}&since={text}",
                order.id
            ),
            format!("/api/v1/customer-portal/voucher/{text}"),
            format!("/order/{text}"),
            format!("/v/{text}"),
            format!("/state/{text}"),
            format!("/?package={text}&lang={text}&mac={text}&link-login={text}&site={text}"),
            format!("/paid?phone={text}"),
        ] {
            let answer = app.get(&app.url(&path)).await;
            assert!(answer.status < 500, "{path}: {}", answer.text);
        }
        for (path, form) in [
            (
                "/buy",
                format!("phone={text}&package={text}&key={text}&name={text}&mac={text}"),
            ),
            (
                "/buy",
                format!("phone=0712345678&package=daily&key={text}&mac={text}&name={text}"),
            ),
            ("/paid", format!("phone={text}")),
            ("/console/login", format!("token={text}")),
        ] {
            let request = app.http.post(app.url(path)).body(form.clone());
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let answer = Answer::of(request.send().await.unwrap()).await;
            assert!(answer.status < 500, "{path} {form}: {}", answer.text);
        }
    }
}

async fn what_operators_send_is_stored_or_refused_and_never_a_failure(kind: Kind) {
    let app = TestApp::start(kind).await;
    let code = |text: &Value| text["voucher_code"].as_str().unwrap().to_owned();
    for value in odd_values() {
        let order = app.buy().await;
        app.deliver_word(&order, "COMPLETED").await;
        let voucher = code(&app.status(&order).await);
        for (path, fields) in [
            (format!("/vouchers/{voucher}/revoke"), vec!["reason"]),
            (
                format!("/orders/{}/release", order.id),
                vec!["decision", "reason"],
            ),
            (
                format!("/orders/{}/refund", order.id),
                vec!["reason", "method", "reference"],
            ),
            ("/customers/erase".to_owned(), vec!["phone", "reason"]),
            ("/nas".to_owned(), vec!["address", "name", "secret"]),
            (
                "/routers".to_owned(),
                vec!["address", "name", "identifier", "type", "secret"],
            ),
        ] {
            for odd in fields {
                let mut body = json!({
                    "reason": "a reason", "method": "cash", "reference": "r", "decision": "complete",
                    "phone": order.phone, "address": "10.0.0.1", "name": "r", "secret": "0123456789abcdef",
                });
                body[odd] = Value::String("HERE".to_owned());
                let body = body.to_string().replace("\"HERE\"", &value);
                let url = app.url(&format!("/api/v1/operator{path}"));
                let request = app.http.post(url).bearer_auth(TOKEN).body(body);
                let answer = Answer::of(request.send().await.unwrap()).await;
                assert!(
                    answer.status < 500,
                    "{path} {odd}={value:.80}: {}",
                    answer.text
                );
            }
        }
    }
    for text in ODD_TEXTS {
        for path in [
            format!("/orders?q={text}"),
            format!("/orders?status={text}&limit={text}&cursor={text}"),
            format!("/orders/{text}"),
            format!("/webhooks?outcome={text}&order_id={text}"),
            format!("/webhooks?order_id={text}"),
            format!("/webhooks?cursor={text}&limit={text}"),
            format!("/webhooks/{text}"),
            format!("/sessions?q={text}"),
            format!("/sessions?cursor={text}&limit={text}"),
            format!("/actors/{text}"),
            format!("/vouchers/{text}"),
            format!("/reports/daily?date={text}"),
        ] {
            let answer = app
                .get_as_operator(&format!("/api/v1/operator{path}"))
                .await;
            assert!(answer.status < 500, "{path}: {}", answer.text);
        }
    }
}
