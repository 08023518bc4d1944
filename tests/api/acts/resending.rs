//! An operator resends a message that the guest has lost.

use serde_json::json;

use super::{audited, post, sold};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    a_message_is_sent_once_more_and_that_is_logged,
}

async fn a_message_is_sent_once_more_and_that_is_logged(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let sent = "SELECT COUNT(*) FROM sms_messages WHERE state = 'sent'";
    app.database.wait_for_count(sent, 1).await;
    app.database
        .execute("UPDATE sms_messages SET state = 'dead', provider = NULL")
        .await;
    let id = app.database.count("SELECT id FROM sms_messages").await;

    let answer = post(&app, &format!("/sms/{id}/resend"), &json!({})).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["order_id"], order.id);
    app.database.wait_for_count(sent, 1).await;
    let line = format!("bootstrap resend sms {id} -");
    assert_eq!(audited(&app, &order).await, [line]);
    for unknown in [format!("{}", id + 1), "x".to_owned()] {
        let answer = post(&app, &format!("/sms/{unknown}/resend"), &json!({})).await;
        answer.assert_problem(404, "not_found");
    }
    assert_eq!(audited(&app, &order).await.len(), 1);
}
