//! What an answer of order-status means for the order.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::gateways::zenopay::wire::tests::{ORDER, order_id};

fn read(body: &Value) -> StatusAnswer {
    read_order_status(order_id(), 200, body.to_string().as_bytes())
}

fn lookup(rows: Value) -> Value {
    json!({"reference": "TOP", "resultcode": "000", "result": "SUCCESS", "data": rows})
}

fn known(body: &Value) -> GatewayReport {
    match read(body) {
        StatusAnswer::Known(report) => report,
        StatusAnswer::Unknown(why) => panic!("{why}: {body}"),
    }
}

#[test]
fn only_the_row_of_our_own_order_says_anything_about_the_payment() {
    let stranger = "00000000-0000-4000-8000-000000000000";
    for (rows, why) in [
        (json!(null), Why::NotFound),
        (json!([]), Why::NotFound),
        (
            json!([{"order_id": stranger, "payment_status": "COMPLETED"}]),
            Why::NotOurs,
        ),
        (json!([{"payment_status": "COMPLETED"}]), Why::NotOurs),
        (
            json!([{"order_id": format!("\0{ORDER}"), "payment_status": "COMPLETED"}]),
            Why::NotOurs,
        ),
        (json!([{"order_id": ORDER}]), Why::NoPaymentStatus),
        (
            json!([{"order_id": ORDER, "payment_status": null}]),
            Why::NoPaymentStatus,
        ),
        (
            json!([{"order_id": ORDER, "payment_status": " "}]),
            Why::NoPaymentStatus,
        ),
        (
            json!({"order_id": ORDER, "payment_status": "COMPLETED"}),
            Why::Unreadable,
        ),
        (json!(["COMPLETED"]), Why::Unreadable),
    ] {
        assert_eq!(
            read(&lookup(rows.clone())),
            StatusAnswer::Unknown(why),
            "{rows}"
        );
    }

    let rows = json!([
        {"order_id": stranger, "payment_status": "COMPLETED"},
        {"order_id": ORDER.to_uppercase(), "payment_status": "FAILED"},
    ]);
    assert_eq!(known(&lookup(rows)).word, ReportedStatus::Failed);
}

#[test]
fn a_lookup_that_succeeded_is_not_a_payment() {
    let body = json!({"result": "SUCCESS", "payment_status": "COMPLETED", "status": "success"});

    assert_eq!(read(&body), StatusAnswer::Unknown(Why::NotFound));
}

#[test]
fn a_row_that_gives_its_word_twice_is_not_believed() {
    let body = format!(
        r#"{{"data":[{{"order_id":"{ORDER}","payment_status":"FAILED","payment_status":"PAID"}}]}}"#
    );

    let answer = read_order_status(order_id(), 200, body.as_bytes());

    assert_eq!(answer, StatusAnswer::Unknown(Why::NotOurs));
}

#[test]
fn a_guest_who_failed_once_and_then_paid_has_paid() {
    let rows = json!([
        {"order_id": ORDER, "payment_status": "FAILED", "reference": "1"},
        {"order_id": ORDER, "payment_status": "COMPLETED"},
    ]);

    let report = known(&lookup(rows));

    assert_eq!(
        (report.word, report.reference),
        (ReportedStatus::Paid, None)
    );
}

#[test]
fn an_answer_that_is_no_answer_is_unknown_and_never_failed() {
    let row = lookup(json!([{"order_id": ORDER, "payment_status": "FAILED"}])).to_string();
    for (http_status, body, why) in [
        (200, "", Why::Unreadable),
        (200, "<html>COMPLETED</html>", Why::Unreadable),
        (200, "[\"TOP\", []]", Why::Unreadable),
        (200, &row[..row.len() - 1], Why::Unreadable),
        (301, &row, Why::HttpStatus(301)),
        (403, &row, Why::HttpStatus(403)),
        (404, &row, Why::NotFound),
        (504, "", Why::HttpStatus(504)),
    ] {
        let answer = read_order_status(order_id(), http_status, body.as_bytes());
        assert_eq!(answer, StatusAnswer::Unknown(why), "{http_status} {body}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(http_status in 100_u16..600, body in any::<Vec<u8>>()) {
        let _ = read_order_status(order_id(), http_status, &body);
    }
}
