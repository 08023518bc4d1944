//! What an answer to a push means for the phone.

use proptest::prelude::*;

use super::*;

#[derive(Debug, PartialEq)]
enum Phone {
    Rings,
    DidNotRing,
    MayRing,
}

fn phone(http_status: u16, body: &str) -> Phone {
    match read_create(http_status, body.as_bytes(), &[]) {
        CreateAnswer::Accepted => Phone::Rings,
        CreateAnswer::Refused { .. } => Phone::DidNotRing,
        CreateAnswer::Unknown { .. } => Phone::MayRing,
    }
}

fn reason(body: &str, private: &[&str]) -> String {
    match read_create(400, body.as_bytes(), private) {
        CreateAnswer::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_push_is_refused_only_when_the_phone_has_certainly_not_rung() {
    let success = r#"{"status":"success","resultcode":"000"}"#;
    let error = r#"{"status":"error","message":"Invalid API Key or request payload"}"#;
    for (http_status, body, expected) in [
        (200, success, Phone::Rings),
        (201, r#"{"status":"SUCCESS"}"#, Phone::Rings),
        (200, r#"{"status":true}"#, Phone::Rings),
        (200, r#"{"status":"true"}"#, Phone::Rings),
        (200, "\u{FEFF}{\"resultcode\":\"000\"}", Phone::Rings),
        (200, error, Phone::DidNotRing),
        (200, r#"{"status":"Failed"}"#, Phone::DidNotRing),
        (200, r#"{"status":false}"#, Phone::DidNotRing),
        (
            200,
            r#"{"status":"error","resultcode":"000"}"#,
            Phone::MayRing,
        ),
        (
            200,
            r#"{"status":"queued","resultcode":"000"}"#,
            Phone::MayRing,
        ),
        (
            200,
            r#"{"status":"error","status":"success"}"#,
            Phone::MayRing,
        ),
        (200, r#"{"resultcode":"999"}"#, Phone::MayRing),
        (200, r#"["success","000"]"#, Phone::MayRing),
        (200, "", Phone::MayRing),
        (200, "<html>success</html>", Phone::MayRing),
        (302, success, Phone::MayRing),
        (400, error, Phone::DidNotRing),
        (400, success, Phone::MayRing),
        (401, "", Phone::DidNotRing),
        (403, "<html>", Phone::DidNotRing),
        (404, "", Phone::DidNotRing),
        (408, error, Phone::MayRing),
        (409, error, Phone::MayRing),
        (422, "", Phone::DidNotRing),
        (425, "", Phone::DidNotRing),
        (429, "", Phone::DidNotRing),
        (499, "", Phone::MayRing),
        (500, error, Phone::MayRing),
        (502, success, Phone::MayRing),
        (504, "", Phone::MayRing),
    ] {
        assert_eq!(phone(http_status, body), expected, "{http_status} {body}");
    }
}

#[test]
fn the_operator_reads_zenopays_own_words() {
    let body = r#"{"status":"error","message":" Minimum amount is 1000\n"}"#;

    assert_eq!(reason(body, &[]), "Minimum amount is 1000");
    assert_eq!(reason("<html>", &[]), "ZenoPay answered 400");
    assert_eq!(reason(r#"{"message":["no"]}"#, &[]), "ZenoPay answered 400");
}

#[test]
fn a_reason_repeats_no_phone_no_key_and_no_name() {
    let body = r#"{"message":"Asha Juma: 0712 345-678 (+255712345678), key k-1, try 2 later"}"#;

    let reason = reason(body, &["k-1", "Asha Juma", ""]);

    assert_eq!(reason, "…: … (+…), key …, try 2 later");
}

#[test]
fn what_is_written_is_what_zenopay_documents() {
    let order_id = crate::gateways::zenopay::wire::tests::order_id();
    let request = CreateRequest {
        order_id,
        buyer_email: "a@b.tz".into(),
        buyer_name: "Asha".into(),
        buyer_phone: "0712345678".into(),
        amount: Tzs(2000),
        webhook_url: "http://x/y".into(),
        metadata: serde_json::Map::new(),
    };

    assert_eq!(
        serde_json::to_value(&request).unwrap(),
        serde_json::json!({
            "order_id": order_id.to_string(), "buyer_email": "a@b.tz", "buyer_name": "Asha",
            "buyer_phone": "0712345678", "amount": 2000, "webhook_url": "http://x/y",
            "metadata": {},
        })
    );
    assert_eq!(
        format!("{request:?}"),
        format!("CreateRequest({order_id}, hidden)")
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(http_status in 100_u16..600, body in any::<Vec<u8>>()) {
        let _ = read_create(http_status, &body, &[]);
    }

    #[test]
    fn no_message_lets_a_phone_through(before in "[a-z +]{0,9}", after in "[a-z .]{0,9}") {
        let body = format!(r#"{{"message":"{before}0712345678{after}"}}"#);
        prop_assert!(!reason(&body, &[]).contains("345"));
    }
}
