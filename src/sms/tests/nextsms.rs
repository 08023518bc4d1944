use serde_json::{Value, json};

use super::fake::{
    FakeGateway, assert_an_unreadable_2xx_counts_as_sent, assert_bad_days_mean_later, checked,
    receipt, says, send, sent,
};
use crate::config::SmsProvider::Nextsms;
use crate::sms::{Accepted, Receipt, SmsError};

fn line(status: Value, id: Value) -> String {
    json!({"messages": [{
        "to": "255712345678", "status": status, "messageId": id, "smsCount": 1,
    }]})
    .to_string()
}

fn pending() -> Value {
    json!({"groupId": 1, "groupName": "PENDING", "id": 7, "name": "PENDING_ENROUTE"})
}

fn taken(id: Option<&str>) -> Result<Accepted, SmsError> {
    Ok(Accepted {
        message_id: id.map(str::to_owned),
        parts: Some(1),
        unclear: None,
    })
}

#[tokio::test]
async fn a_message_is_sent_as_documented() {
    let fake = FakeGateway::that(says(200, &line(pending(), json!("32100042"))));

    let sent = send(&fake.carrier(Nextsms)).await;

    assert_eq!(sent, taken(Some("32100042")));
    let (head, body) = fake.request();
    assert!(
        head.starts_with("post /base/api/sms/v1/text/single http/1.1"),
        "{head}"
    );
    // duka:the-password, in base64.
    assert!(
        head.contains("authorization: basic zhvrytp0agutcgfzc3dvcmq="),
        "{head}"
    );
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({
            "from": "DUKA", "to": "255712345678", "reference": "17-voucher",
            "text": "Duka: Vocha yako ni K7QMX2PA & karibu.",
        })
    );
}

#[tokio::test]
async fn the_message_s_name_may_be_a_text_a_number_or_missing() {
    for (id, read) in [
        (json!("abc-1"), Some("abc-1")),
        (json!(32_100_042_i64), Some("32100042")),
        (json!(null), None),
        (json!(""), None),
    ] {
        assert_eq!(
            sent(Nextsms, says(200, &line(pending(), id))).await,
            taken(read)
        );
    }
    let without = json!({"messages": [{"to": "255712345678", "status": pending()}]});
    let accepted = sent(Nextsms, says(200, &without.to_string())).await;
    assert_eq!(accepted, Ok(Accepted::default()));
}

#[tokio::test]
async fn the_group_decides_and_only_a_bad_phone_is_for_ever() {
    for (group, name, for_ever) in [
        ("REJECTED", "REJECTED_DESTINATION", true),
        ("REJECTED", "REJECTED_PREFIX_MISSING", true),
        ("REJECTED", "REJECTED_DND", true),
        ("UNDELIVERABLE", "UNDELIVERABLE_REJECTED_OPERATOR", true),
        ("REJECTED", "REJECTED_NOT_ENOUGH_CREDITS", false),
        ("REJECTED", "REJECTED_SENDER", false),
        ("REJECTED", "REJECTED_NETWORK", false),
    ] {
        let status = json!({"groupName": group, "name": name});
        match sent(Nextsms, says(200, &line(status, json!("1")))).await {
            Err(SmsError::Never(said)) => assert!(for_ever && said.contains(name), "{said}"),
            Err(SmsError::Later(said)) => assert!(!for_ever, "{said}"),
            Ok(taken) => panic!("{group}: {taken:?}"),
        }
    }
}

#[tokio::test]
async fn a_200_in_a_shape_that_nobody_knows_is_paid_for_once_and_told() {
    let new_word = line(json!({"groupName": "SOMETHING_NEW"}), json!("1"));
    for (body, sentence) in [
        (new_word.as_str(), "NextSMS said SOMETHING_NEW"),
        (r#"{"messages":[]}"#, "not readable"),
        (r#"{"messages":null}"#, "not readable"),
        (r#"{"messages":[{"to":"255712345678"}]}"#, "not readable"),
        (r#"{"messages":"queued"}"#, "not readable"),
        (r#"{"messages":[{"status":{"groupId":1}}]}"#, "not readable"),
        (r#"{"data":{"bulkId":"x"}}"#, "not readable"),
        ("{}", "not readable"),
    ] {
        let taken = sent(Nextsms, says(200, body)).await;
        let why = taken.map(|taken| taken.unclear.unwrap_or_default());
        assert!(
            why.as_ref().is_ok_and(|why| why.contains(sentence)),
            "{body}: {why:?}"
        );
        let refused = sent(Nextsms, says(500, body)).await;
        assert!(
            matches!(refused, Err(SmsError::Later(_))),
            "{body}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_inside_a_200_is_a_refusal() {
    let unauthorized = r#"{"success":false,"status":403,"message":"Not Authorized"}"#;
    for (body, sentence) in [
        (unauthorized, "refuses the credentials"),
        (
            r#"{"success":false,"status":400,"message":"Bad +255712345678"}"#,
            "refused the request: Bad",
        ),
        (r#"{"requestError":{"serviceException":{}}}"#, "refused"),
    ] {
        match sent(Nextsms, says(200, body)).await {
            Err(SmsError::Later(said)) => assert!(said.contains(sentence), "{body}: {said}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    let refused = sent(Nextsms, says(403, unauthorized)).await;
    assert_eq!(
        refused,
        Err(SmsError::Later(
            "NextSMS refuses the credentials".to_owned()
        ))
    );
}

#[tokio::test]
async fn of_several_lines_ours_counts() {
    let rejected = json!({"groupName": "REJECTED", "name": "REJECTED_DESTINATION"});
    let both = json!({"messages": [
        {"to": "255700000000", "status": rejected, "messageId": 1},
        {"to": "255712345678", "status": pending(), "messageId": 2, "smsCount": 1},
    ]});

    assert_eq!(
        sent(Nextsms, says(200, &both.to_string())).await,
        taken(Some("2"))
    );
}

#[tokio::test]
async fn a_2xx_that_cannot_be_read_is_paid_for_once_and_told() {
    assert_an_unreadable_2xx_counts_as_sent(Nextsms).await;
}

#[tokio::test]
async fn bad_days_mean_later() {
    assert_bad_days_mean_later(Nextsms).await;
}

#[tokio::test]
async fn a_report_says_what_became_of_a_message() {
    let report = |group: &str, name: &str| {
        let status = json!({"groupName": group, "name": name});
        json!({"results": [{"messageId": 42, "to": "255712345678", "status": status}]}).to_string()
    };
    for (body, read) in [
        (
            report("DELIVERED", "DELIVERED_TO_HANDSET"),
            Receipt::Delivered,
        ),
        (
            report("UNDELIVERABLE", "UNDELIVERABLE_NOT_DELIVERED"),
            Receipt::Undelivered("UNDELIVERABLE_NOT_DELIVERED".to_owned()),
        ),
        (
            report("EXPIRED", "EXPIRED_UNKNOWN"),
            Receipt::Undelivered("EXPIRED_UNKNOWN".to_owned()),
        ),
        (report("PENDING", "PENDING_ENROUTE"), Receipt::Underway),
        (r#"{"results":[]}"#.to_owned(), Receipt::Underway),
    ] {
        assert_eq!(
            receipt(Nextsms, "42", says(200, &body)).await,
            Ok(read),
            "{body}"
        );
    }
    for does in [says(500, ""), says(200, "<html>"), says(403, "{}")] {
        assert!(matches!(
            receipt(Nextsms, "42", does).await,
            Err(SmsError::Later(_))
        ));
    }

    let fake = FakeGateway::that(says(200, r#"{"results":[]}"#));
    fake.carrier(Nextsms).receipt("4 2&x").await.unwrap();
    let (head, _) = fake.request();
    assert!(
        head.starts_with("get /base/api/sms/v1/reports?messageid=4+2%26x http/1.1"),
        "{head}"
    );
}

#[tokio::test]
async fn malipo_check_finds_wrong_credentials() {
    let well = checked(Nextsms, says(200, r#"{"sms_balance":5000}"#)).await;
    assert_eq!(
        well,
        Ok("NextSMS knows the credentials; balance 5000".to_owned())
    );

    let wrong = r#"{"success":false,"status":403,"message":"Not Authorized"}"#;
    for (status, body) in [(403, wrong), (200, wrong), (401, "")] {
        let found = checked(Nextsms, says(status, body)).await;
        assert_eq!(found, Err("NextSMS refuses the credentials".to_owned()));
    }
    assert!(checked(Nextsms, says(200, "<html>")).await.is_err());
}
