use serde_json::{Value, json};

use super::fake::{
    FakeGateway, assert_an_unreadable_2xx_counts_as_sent, assert_bad_days_mean_later, says, send,
    sent,
};
use crate::config::SmsProvider::Zenopay;
use crate::config::{Mode, SmsConfig};
use crate::domain::people::Secret;
use crate::sms::{Accepted, SmsError, carrier};

#[tokio::test]
async fn a_message_is_sent_as_documented() {
    let fake = FakeGateway::that(says(200, r#"{"status":"success","message_id":9}"#));

    let sent = send(&fake.carrier(Zenopay)).await;

    let id = Some("9".to_owned());
    assert_eq!(
        sent,
        Ok(Accepted {
            message_id: id,
            ..Accepted::default()
        })
    );
    let (head, body) = fake.request();
    assert!(
        head.starts_with("post /base/api/sms/send/ http/1.1"),
        "{head}"
    );
    assert!(head.contains("x-api-key: the-key"), "{head}");
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({
            "recipient": "255712345678", "sender_id": "DUKA", "message_type": "alert",
            "message": "Duka: Vocha yako ni K7QMX2PA & karibu.",
        })
    );
}

#[tokio::test]
async fn whatever_is_well_formed_and_no_clear_no_is_a_yes() {
    for body in [
        "{}",
        r#"{"status":"SUCCESS"}"#,
        r#"{"status":true}"#,
        r#"{"success":true,"error":null}"#,
        r#"{"queued":1}"#,
    ] {
        assert_eq!(
            sent(Zenopay, says(200, body)).await,
            Ok(Accepted::default()),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_clear_no_inside_a_200_is_a_no() {
    for body in [
        r#"{"status":"error","message":"Insufficient balance"}"#,
        r#"{"status":" FAILED ","message":"Insufficient balance"}"#,
        r#"{"success":false,"message":"Insufficient balance"}"#,
        r#"{"status":false,"message":"Insufficient balance"}"#,
        r#"{"error":"Insufficient balance"}"#,
    ] {
        let said = Err(SmsError::Later(
            "ZenoPay SMS refused: Insufficient balance".to_owned(),
        ));
        assert_eq!(sent(Zenopay, says(200, body)).await, said, "{body}");
    }
}

#[tokio::test]
async fn a_2xx_that_cannot_be_read_is_paid_for_once_and_told() {
    assert_an_unreadable_2xx_counts_as_sent(Zenopay).await;
}

#[tokio::test]
async fn bad_days_mean_later() {
    assert_bad_days_mean_later(Zenopay).await;
}

#[tokio::test]
async fn without_a_key_of_its_own_it_uses_zenopay_s() {
    let fake = FakeGateway::that(says(200, "{}"));
    let (head, _) = {
        let config = SmsConfig {
            provider: Zenopay,
            sender_id: Some("DUKA".to_owned()),
            base_url: Some(fake.url().clone()),
            ..SmsConfig::default()
        };
        let carrier = carrier(&config, Secret::new("zenopay-key"), Mode::Live).unwrap();
        send(&carrier).await.unwrap();
        fake.request()
    };

    assert!(head.contains("x-api-key: zenopay-key"), "{head}");
}
