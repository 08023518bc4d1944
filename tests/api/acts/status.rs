//! The effect of an operator's action is visible in the next status request.

use serde_json::Value;

use super::{code_of, refund, revoke, sold};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    the_next_status_request_shows_a_refund,
    the_next_status_request_shows_no_revoked_voucher,
}

async fn the_next_status_request_shows_a_refund(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let before = app.status(&order).await;

    assert_eq!(refund(&app, &order).await.status, 200);

    let after = app.status(&order).await;
    assert_eq!(before["payment_status"], "COMPLETED");
    assert_eq!(after["payment_status"], "REFUNDED");
    assert_eq!(after["voucher_code"], Value::Null);
}

async fn the_next_status_request_shows_no_revoked_voucher(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let code = code_of(&app, &order).await;
    let before = app.status(&order).await;

    assert_eq!(revoke(&app, &code).await.status, 200);

    let after = app.status(&order).await;
    assert_eq!(before["voucher_code"], code.as_str());
    assert_eq!(after["voucher_code"], Value::Null);
}
