//! Which bodies are read, and how an unreadable one is answered.

use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use uuid::Uuid;

use super::{Line, assert_untouched, deliver_by_token, deliver_unproven, journal};
use crate::harness::{Answer, KEY, Kind, SaleCounts, TestApp, body_of};

on_both_databases! {
    zenopay_is_answered_with_exactly_what_the_contract_says,
    a_body_is_read_whatever_its_content_type_says,
    an_order_id_in_any_spelling_is_the_same_order_and_one_spelling_in_the_journal,
    a_proven_delivery_that_cannot_be_read_is_refused_and_kept_as_sent,
    an_unreadable_body_at_an_orders_own_url_is_kept_with_that_order,
    a_proven_delivery_about_an_unknown_order_is_refused_and_kept_for_operators,
    a_body_of_64_kib_is_read_and_a_byte_more_is_refused_unread,
    deep_and_unknown_fields_do_not_stop_a_sale,
}

/// The largest body.
const LARGEST: usize = 64 * 1024;

async fn zenopay_is_answered_with_exactly_what_the_contract_says(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    let pending = app.deliver_word(&order, "PENDING").await;
    let completed = app.deliver_word(&order, "COMPLETED").await;
    let stale = app.deliver_word(&order, "PENDING").await;

    for (answer, status, outcome) in [
        (pending, "PENDING", "pending"),
        (completed, "COMPLETED", "completed"),
        (stale, "COMPLETED", "stale"),
    ] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let expected = json!({
            "status": "received", "order_id": order.id, "payment_status": status,
            "outcome": outcome,
        });
        assert_eq!(answer.json(), expected);
    }
}

async fn a_body_is_read_whatever_its_content_type_says(kind: Kind) {
    let app = TestApp::start(kind).await;
    let json = |id: &str| body_of(id, "COMPLETED");
    let marked = |id: &str| format!("\u{FEFF}{}", body_of(id, "COMPLETED"));
    let blanks = |id: &str| format!(" \r\n\t{}\r\n", body_of(id, "COMPLETED"));
    let form = |id: &str| format!("order_id={id}&payment_status=COMPLETED");
    let marked_form = |id: &str| format!("\u{FEFF}payment_status=+COMPLETED+&order_id={id}\n");
    let bodies: [&dyn Fn(&str) -> String; 5] = [&json, &marked, &blanks, &form, &marked_form];
    let content_types = [
        None,
        Some("application/json"),
        Some("application/json; charset=utf-8"),
        Some("application/x-www-form-urlencoded"),
        Some("text/plain"),
        Some("text/html; charset=iso-8859-1"),
        Some("nonsense"),
    ];

    for content_type in content_types {
        for (which, body) in bodies.iter().enumerate() {
            let order = app.buy().await;
            let body = body(&order.id);
            let mut request = app.http.post(app.portal("/webhook/zenopay"));
            if let Some(content_type) = content_type {
                request = request.header(CONTENT_TYPE, content_type);
            }

            let request = request.header("x-api-key", KEY).body(body.clone());
            let answer = Answer::of(request.send().await.unwrap()).await;

            let case = format!("body {which} as {content_type:?}");
            assert_eq!(answer.verdict(), (200, "completed".into()), "{case}");
            assert_eq!(app.sale_of(&order).await, SaleCounts::ONE, "{case}");
            let line = journal(&app).await.pop().unwrap();
            assert_eq!(line.body, body.as_bytes(), "{case}");
        }
    }
}

async fn an_order_id_in_any_spelling_is_the_same_order_and_one_spelling_in_the_journal(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let spellings = [
        order.id.to_uppercase(),
        order.id.clone(),
        order.id.replace('-', ""),
        order.id.replace('-', "").to_uppercase(),
        format!("{{{}}}", order.id),
        format!("urn:uuid:{}", order.id),
        format!("  {}  ", order.id),
    ];
    let mut expected = Vec::new();

    for (copy, spelling) in spellings.iter().enumerate() {
        let by_key = app.deliver(body_of(spelling, "COMPLETED")).await;
        let by_token = deliver_by_token(&app, &order, body_of(spelling, "COMPLETED")).await;

        let outcome = if copy == 0 { "completed" } else { "duplicate" };
        assert_eq!(by_key.verdict(), (200, outcome.into()), "{spelling}");
        assert_eq!(by_token.verdict(), (200, "duplicate".into()), "{spelling}");
        assert_eq!(by_key.json()["order_id"], order.id, "{spelling}");
        assert_eq!(by_token.json()["order_id"], order.id, "{spelling}");
        for (outcome, proof) in [(outcome, "key"), ("duplicate", "token")] {
            let line = Line::new(Some(&order.id), outcome, proof, Some("COMPLETED"));
            expected.push(line.body(body_of(spelling, "COMPLETED")));
        }
    }

    assert_eq!(journal(&app).await, expected);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn a_proven_delivery_that_cannot_be_read_is_refused_and_kept_as_sent(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let id = &order.id;
    let paid = r#""payment_status":"COMPLETED""#;
    let texts = [
        String::new(),
        " \n".into(),
        "null".into(),
        "[]".into(),
        format!("[{}]", body_of(id, "COMPLETED")),
        format!("{}{}", body_of(id, "COMPLETED"), body_of(id, "FAILED")),
        format!(r#"{{"order_id":"{id}","payment_status":"COMPL"#),
        format!(r#"{{{paid}}}"#),
        format!(r#"{{"order_id":"",{paid}}}"#),
        format!(r#"{{"order_id":null,{paid}}}"#),
        format!(r#"{{"order_id":["{id}"],{paid}}}"#),
        format!(r#"{{"order_id":"{id}"}}"#),
        format!(r#"{{"order_id":"{id}","payment_status":" "}}"#),
        format!(r#"{{"order_id":"{id}","payment_status":1}}"#),
        format!(r#"{{"order_id":"{id}","payment_status":true}}"#),
        // It is unknown which of the two is meant, even when they agree.
        format!(r#"{{"order_id":"{id}","payment_status":"FAILED",{paid}}}"#),
        format!(r#"{{"order_id":"{id}",{paid},{paid}}}"#),
        format!(
            r#"{{"order_id":"{}","order_id":"{id}",{paid}}}"#,
            Uuid::new_v4()
        ),
        format!(r#"{{"order_id":"{id}","order_id":null,{paid}}}"#),
        format!(r#"{{"order_id":"{id}","order\u005fid":"{id}",{paid}}}"#),
        format!("order_id={id}&order_id={id}&payment_status=COMPLETED"),
        format!("order_id={id}&payment_status=COMPLETED&payment%5Fstatus=FAILED"),
        format!("order_id={id}"),
        "payment_status=COMPLETED".into(),
        format!("order_id={id}&payment_status=%FF"),
        "<html><body>502 Bad Gateway</body></html>".into(),
    ];
    let bodies = texts
        .into_iter()
        .map(String::into_bytes)
        .chain([vec![0xFF, 0x00, b'{'], vec![0x00; 3]]);
    let mut expected = Vec::new();

    for body in bodies {
        let answer = app.deliver(body.clone()).await;

        let case = String::from_utf8_lossy(&body).into_owned();
        let malformed = (400, "malformed_webhook".into());
        assert_eq!(answer.verdict(), malformed, "{case}");
        let problem = Some("application/problem+json");
        assert_eq!(answer.header("content-type"), problem, "{case}");
        // The answer does not repeat what was sent.
        assert!(!answer.text.contains(id.as_str()), "{}", answer.text);
        expected.push(Line::new(None, "malformed", "key", None).body(body));
    }

    assert_eq!(journal(&app).await, expected);
    assert_untouched(&app, &order).await;
}

async fn an_unreadable_body_at_an_orders_own_url_is_kept_with_that_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    let answer = deliver_by_token(&app, &order, "{".into()).await;

    assert_eq!(answer.verdict(), (400, "malformed_webhook".into()));
    let line = Line::new(Some(&order.id), "malformed", "token", None).body("{");
    assert_eq!(journal(&app).await, [line]);
    assert_untouched(&app, &order).await;
}

async fn a_proven_delivery_about_an_unknown_order_is_refused_and_kept_for_operators(kind: Kind) {
    let app = TestApp::start(kind).await;
    let orphan_id = Uuid::new_v4().to_string();
    let cases = [
        (orphan_id.clone(), orphan_id.clone()),
        (orphan_id.to_uppercase(), orphan_id.clone()),
        ("677e43274d7cb".to_owned(), "677e43274d7cb".to_owned()),
        (" 17 ".to_owned(), "17".to_owned()),
        // PostgreSQL refuses NUL in text.
        ("a\u{0}b".to_owned(), "ab".to_owned()),
        (format!("{orphan_id}0"), format!("{orphan_id}0")),
    ];
    let mut expected = Vec::new();

    for (sent, kept) in cases {
        let body = body_of(&sent, "COMPLETED");

        let answer = app.deliver(body.clone()).await;

        assert_eq!(
            answer.verdict(),
            (404, "order_not_found".into()),
            "{sent:?}"
        );
        let line = Line::new(Some(&kept), "unknown_order", "key", Some("COMPLETED"));
        expected.push(line.body(body));
    }

    assert_eq!(journal(&app).await, expected);
}

async fn a_body_of_64_kib_is_read_and_a_byte_more_is_refused_unread(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let padded = |bytes: usize| {
        let body = body_of(&order.id, "COMPLETED");
        let blanks = " ".repeat(bytes - body.len());
        body + &blanks
    };

    let refused = [
        app.deliver(padded(LARGEST + 1)).await,
        deliver_by_token(&app, &order, padded(LARGEST + 1)).await,
        deliver_unproven(&app, padded(LARGEST + 1)).await,
        app.deliver(padded(16 * LARGEST)).await,
    ];

    for answer in refused {
        assert_eq!(answer.verdict(), (413, "payload_too_large".into()));
    }
    assert_eq!(journal(&app).await, []);
    assert_untouched(&app, &order).await;

    let read = app.deliver(padded(LARGEST)).await;

    assert_eq!(read.verdict(), (200, "completed".into()));
    assert_eq!(journal(&app).await[0].body.len(), LARGEST);
}

async fn deep_and_unknown_fields_do_not_stop_a_sale(kind: Kind) {
    let app = TestApp::start(kind).await;
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let metadata = [
        deep.as_str(),
        r#""{\"order_id\":\"another\"}""#,
        r#"{"order_id":"another","payment_status":"FAILED"}"#,
        "null",
        "17",
    ];

    for metadata in metadata {
        let order = app.buy().await;
        let body = format!(
            r#"{{"new_field":{{"a":[1,2]}},"metadata":{metadata},"order_id":"{}","payment_status":"COMPLETED"}}"#,
            order.id
        );

        let answer = app.deliver(body).await;

        assert_eq!(answer.verdict(), (200, "completed".into()));
        assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    }
}
