//! A revoked voucher gives no access, and its page shows that.

use serde_json::json;

use super::{audited, code_of, post, radius_rows, refund, revoke, sold};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    a_revoked_voucher_is_not_shown_and_gives_no_access,
    a_printed_voucher_is_revoked_without_an_order,
    an_unknown_code_is_not_found,
}

async fn a_revoked_voucher_is_not_shown_and_gives_no_access(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let code = code_of(&app, &order).await;
    let poll = app.portal(&format!("/payment/status/{}?wait=30&since=2", order.id));
    let typed = format!("%20{}-{}", &code[..4].to_lowercase(), &code[4..]);
    let path = format!("/vouchers/{typed}/revoke");

    let (polled, answer) = tokio::join!(app.get(&poll), async {
        app.until_parked(1).await;
        post(&app, &path, &json!({"reason": "sold on in the street"})).await
    });
    let again = revoke(&app, &code).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["changed"], true);
    assert_eq!(answer.json()["order_id"], order.id);
    let document = polled.json();
    assert_eq!(document["payment_status"], "COMPLETED");
    assert_eq!(
        document["version"], 3,
        "the waiting guest gets the new version"
    );
    assert_eq!(document["voucher_code"], json!(null));
    assert_eq!(document["voucher_generated"], false);
    assert_eq!(document["expires_at"], json!(null));
    assert_eq!(
        document["message"],
        "Vocha hii haitumiki tena. Kwa maelezo, wasiliana na mhudumu."
    );
    assert_eq!(radius_rows(&app, &code).await, 0);
    assert_eq!(
        (again.status, &again.json()["changed"]),
        (200, &json!(false))
    );
    assert_eq!(app.status(&order).await["version"], 3);
    let id = format!("SELECT id FROM vouchers WHERE code = '{code}'");
    let id = app.database.count(&id).await;
    assert_eq!(
        audited(&app, &order).await,
        [format!(
            "bootstrap revoke voucher {id} sold on in the street"
        )]
    );

    // A copy of the webhook does not restore the voucher, and an admin can still refund the order.
    app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(radius_rows(&app, &code).await, 0);
    assert_eq!(
        refund(&app, &order).await.json()["payment_status"],
        "REFUNDED"
    );
}

async fn a_printed_voucher_is_revoked_without_an_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let now = chrono::Utc::now().to_rfc3339();
    app.database
        .execute(&format!(
            "INSERT INTO vouchers (code, package_code, duration_minutes, validity, shared_devices, issued_at)
             VALUES ('PRNTEDX2', 'daily', 1440, 'first_login', 1, '{now}')"
        ))
        .await;
    app.database
        .execute("INSERT INTO radcheck (username, attribute, op, value) VALUES ('PRNTEDX2', 'Cleartext-Password', ':=', 'PRNTEDX2')")
        .await;

    let answer = revoke(&app, "PRNTEDX2").await;
    let again = revoke(&app, "PRNTEDX2").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["order_id"], json!(null));
    assert_eq!(answer.json()["changed"], true);
    assert_eq!(
        (again.status, &again.json()["changed"]),
        (200, &json!(false))
    );
    assert_eq!(radius_rows(&app, "PRNTEDX2").await, 0);
    let lines = "SELECT COUNT(*) FROM audit_events WHERE action = 'revoke' AND order_id IS NULL";
    assert_eq!(app.database.count(lines).await, 1);
    // The audit log contains no code.
    let codes = "SELECT COUNT(*) FROM audit_events WHERE subject LIKE '%PRNTEDX2%'";
    assert_eq!(app.database.count(codes).await, 0);
}

async fn an_unknown_code_is_not_found(kind: Kind) {
    let app = TestApp::start(kind).await;

    for code in ["AAAAAAAA", "x'y", "%00", "%F0%9F%98%80"] {
        revoke(&app, code)
            .await
            .assert_problem(404, "voucher_not_found");
    }

    let lines = "SELECT COUNT(*) FROM audit_events";
    assert_eq!(app.database.count(lines).await, 0);
}
