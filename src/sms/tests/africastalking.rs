use serde_json::{Value, json};

use super::fake::{
    FakeGateway, assert_an_unreadable_2xx_counts_as_sent, assert_bad_days_mean_later, checked,
    says, send, sent,
};
use crate::config::SmsProvider::Africastalking;
use crate::sms::{Accepted, SmsError};

fn answer(recipients: &[Value]) -> String {
    json!({"SMSMessageData": {"Message": "Sent to 1/1", "Recipients": recipients}}).to_string()
}

fn recipient(code: Value, status: &str) -> Value {
    json!({
        "statusCode": code, "number": "+255712345678", "status": status,
        "cost": "TZS 20", "messageId": "ATXid_1",
    })
}

#[tokio::test]
async fn a_message_is_sent_as_documented() {
    let fake = FakeGateway::that(says(201, &answer(&[recipient(json!(101), "Success")])));

    let sent = send(&fake.carrier(Africastalking)).await;

    let id = Some("ATXid_1".to_owned());
    assert_eq!(
        sent,
        Ok(Accepted {
            message_id: id,
            ..Accepted::default()
        })
    );
    let (head, body) = fake.request();
    assert!(
        head.starts_with("post /base/version1/messaging http/1.1"),
        "{head}"
    );
    assert!(head.contains("apikey: the-key"), "{head}");
    assert!(head.contains("accept: application/json"), "{head}");
    assert!(
        head.contains("content-type: application/x-www-form-urlencoded"),
        "{head}"
    );
    assert_eq!(
        body,
        "username=duka&to=%2B255712345678&message=Duka%3A+Vocha+yako+ni+K7QMX2PA+%26+karibu.&from=DUKA"
    );
}

#[tokio::test]
async fn accepted_codes_are_100_to_102_and_the_name_may_be_missing() {
    for code in [json!(100), json!(101), json!(102), json!("101")] {
        let body = answer(&[recipient(code, "Success")]);
        assert!(
            sent(Africastalking, says(201, &body)).await.is_ok(),
            "{body}"
        );
    }
    for id in [json!("None"), json!(null)] {
        let mut one = recipient(json!(101), "Success");
        one["messageId"] = id;
        let taken = sent(Africastalking, says(201, &answer(&[one]))).await;
        assert_eq!(taken, Ok(Accepted::default()));
    }
}

#[tokio::test]
async fn a_refusal_inside_a_201_is_for_ever_only_if_it_is_the_phone_s() {
    for (code, status, for_ever) in [
        (403, "InvalidPhoneNumber", true),
        (404, "UnsupportedNumberType", true),
        (406, "UserInBlacklist", true),
        (409, "DoNotDisturbRejection", true),
        (401, "RiskHold", false),
        (402, "InvalidSenderId", false),
        (405, "InsufficientBalance", false),
        (407, "CouldNotRoute", false),
        (500, "InternalServerError", false),
        (501, "GatewayError", false),
        (502, "RejectedByGateway", false),
    ] {
        let body = answer(&[recipient(json!(code), status)]);
        match sent(Africastalking, says(201, &body)).await {
            Err(SmsError::Never(said)) => assert!(for_ever && said.contains(status), "{said}"),
            Err(SmsError::Later(said)) => {
                assert!(!for_ever && said.contains(&code.to_string()), "{said}");
            }
            Ok(taken) => panic!("{code}: {taken:?}"),
        }
    }
}

#[tokio::test]
async fn refused_among_the_recipients_means_later() {
    let refused = r#"{"SMSMessageData":{"Message":"InvalidSenderId","Recipients":[]}}"#;
    match sent(Africastalking, says(201, refused)).await {
        Err(SmsError::Later(said)) => {
            assert!(said.ends_with("took nothing: InvalidSenderId"), "{said}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_201_that_says_nothing_of_our_phone_is_paid_for_once_and_told() {
    let strangers = answer(&[
        json!({"statusCode": 101, "number": "+255700000000"}),
        json!({"statusCode": 101, "number": "+255700000001"}),
    ]);
    let without_code = answer(&[json!({"number": "+255712345678"})]);
    let new_code = answer(&[recipient(json!(199), "Somehow")]);
    let without_list = r#"{"SMSMessageData":{"Message":"Sent"}}"#.to_owned();
    for body in [strangers, without_code, new_code, without_list] {
        let taken = sent(Africastalking, says(201, &body)).await;
        assert!(taken.is_ok_and(|taken| taken.unclear.is_some()), "{body}");
    }
}

#[tokio::test]
async fn of_several_recipients_ours_counts() {
    let mut other = recipient(json!(403), "InvalidPhoneNumber");
    other["number"] = json!("+255700000000");
    let body = answer(&[other, recipient(json!(101), "Success")]);

    assert!(sent(Africastalking, says(201, &body)).await.is_ok());
}

#[tokio::test]
async fn a_2xx_that_cannot_be_read_is_paid_for_once_and_told() {
    assert_an_unreadable_2xx_counts_as_sent(Africastalking).await;
}

#[tokio::test]
async fn bad_days_mean_later() {
    assert_bad_days_mean_later(Africastalking).await;
}

#[tokio::test]
async fn malipo_check_finds_wrong_credentials() {
    let fake = FakeGateway::that(says(200, r#"{"UserData":{"balance":"TZS 17850.50"}}"#));
    let well = fake.carrier(Africastalking).check().await;
    assert_eq!(
        well,
        Ok("Africa's Talking knows the credentials; balance TZS 17850.50".to_owned())
    );
    let (head, _) = fake.request();
    assert!(
        head.starts_with("get /base/version1/user?username=duka http/1.1"),
        "{head}"
    );

    let wrong = says(401, "The supplied authentication is invalid");
    let found = checked(Africastalking, wrong).await;
    assert_eq!(
        found,
        Err("Africa's Talking refuses the credentials".to_owned())
    );
}
