use serde_json::{Value, json};

use super::fake::{
    FakeGateway, assert_an_unreadable_2xx_counts_as_sent, assert_bad_days_mean_later, checked,
    says, send, sent,
};
use crate::config::SmsProvider::Beem;
use crate::sms::{Accepted, SmsError};

const ACCEPTED: &str = r#"{"successful":true,"request_id":1234,"code":100,"message":"Message Submitted Successfully","valid":1,"invalid":0,"duplicates":0}"#;

fn taken(id: Option<&str>) -> Result<Accepted, SmsError> {
    Ok(Accepted {
        message_id: id.map(str::to_owned),
        ..Accepted::default()
    })
}

#[tokio::test]
async fn a_message_is_sent_as_documented() {
    let fake = FakeGateway::that(says(200, ACCEPTED));

    let sent = send(&fake.carrier(Beem)).await;

    assert_eq!(sent, taken(Some("1234")));
    let (head, body) = fake.request();
    assert!(head.starts_with("post /base/v1/send http/1.1"), "{head}");
    // the-key:the-secret, in base64.
    assert!(
        head.contains("authorization: basic dghllwtletp0agutc2vjcmv0"),
        "{head}"
    );
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({
            "source_addr": "DUKA", "schedule_time": "", "encoding": 0,
            "message": "Duka: Vocha yako ni K7QMX2PA & karibu.",
            "recipients": [{"recipient_id": 1, "dest_addr": "255712345678"}],
        })
    );
}

#[tokio::test]
async fn numbers_may_be_texts_and_the_request_s_name_may_be_missing() {
    for (body, id) in [
        (
            r#"{"successful":true,"request_id":"1234","code":"100"}"#,
            Some("1234"),
        ),
        (r#"{"successful":true,"code":100}"#, None),
        (r#"{"code":100,"request_id":null}"#, None),
        (r#"{"data":{"code":100,"request_id":7}}"#, Some("7")),
    ] {
        assert_eq!(sent(Beem, says(200, body)).await, taken(id), "{body}");
    }
}

#[tokio::test]
async fn the_code_decides_whatever_the_http_status_says() {
    for (code, sentence, for_ever) in [
        (101, "the phone is invalid", true),
        (102, "no balance", false),
        (103, "ran out of time", false),
        (106, "no route", false),
        (107, "refuses the credentials", false),
        (108, "refuses the credentials", false),
        (111, "answered 111: Invalid Sender", false),
    ] {
        let plain = json!({"successful": false, "code": code, "message": "Invalid Sender"});
        let wrapped = json!({"data": plain});
        for (status, body) in [(200, &plain), (400, &plain), (400, &wrapped)] {
            match sent(Beem, says(status, &body.to_string())).await {
                Err(SmsError::Never(said)) => {
                    assert!(for_ever && said.contains(sentence), "{said}")
                }
                Err(SmsError::Later(said)) => {
                    assert!(!for_ever && said.contains(sentence), "{said}")
                }
                Ok(taken) => panic!("{code}: {taken:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_answer_without_a_code_is_paid_for_once_and_told() {
    for body in [
        "{}",
        r#"{"data":{}}"#,
        r#"{"successful":true,"request_id":7}"#,
    ] {
        let taken = sent(Beem, says(200, body)).await;
        assert!(taken.is_ok_and(|taken| taken.unclear.is_some()), "{body}");
    }
}

#[tokio::test]
async fn a_request_that_is_accepted_without_our_phone_is_refused() {
    let none_valid = r#"{"successful":true,"request_id":5,"code":100,"valid":0,"invalid":1}"#;
    let contradicts = r#"{"successful":false,"request_id":5,"code":100,"message":"Queue is full"}"#;

    assert!(matches!(
        sent(Beem, says(200, none_valid)).await,
        Err(SmsError::Never(_))
    ));
    assert!(matches!(
        sent(Beem, says(200, contradicts)).await,
        Err(SmsError::Later(_))
    ));
    assert!(matches!(
        sent(Beem, says(500, ACCEPTED)).await,
        Err(SmsError::Later(_))
    ));
}

#[tokio::test]
async fn a_2xx_that_cannot_be_read_is_paid_for_once_and_told() {
    assert_an_unreadable_2xx_counts_as_sent(Beem).await;
}

#[tokio::test]
async fn bad_days_mean_later() {
    assert_bad_days_mean_later(Beem).await;
}

#[tokio::test]
async fn malipo_check_finds_wrong_credentials() {
    let well = checked(Beem, says(200, r#"{"data":{"credit_balance":37.5}}"#)).await;
    assert_eq!(
        well,
        Ok("Beem knows the credentials; balance 37.5".to_owned())
    );

    for status in [401, 403] {
        let found = checked(Beem, says(status, r#"{"data":{"message":"Invalid"}}"#)).await;
        assert_eq!(found, Err("Beem refuses the credentials".to_owned()));
    }
    assert!(checked(Beem, says(200, r#"{"code":120}"#)).await.is_err());
}
