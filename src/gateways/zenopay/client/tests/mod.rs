//! What the two calls make of good, bad and missing answers.

mod fake;

use std::net::TcpListener;

use super::*;
use crate::domain::catalog::Tzs;
use crate::domain::order::ReportedStatus;
use crate::gateways::zenopay::wire::tests::{fixtures, order_id};
use fake::{FakeZenoPay, HANG_UP, answer, cut_answer};

const PATIENT: Duration = Duration::from_secs(30);
const ACCEPTED: &str = r#"{"status":"success","resultcode":"000","message":"Request in progress"}"#;
const REFUSED: &str = r#"{"status":"error","message":"Invalid API Key or request payload"}"#;

fn request() -> CreateRequest {
    CreateRequest {
        order_id: order_id(),
        buyer_email: "guest@example.com".into(),
        buyer_name: "Asha".into(),
        buyer_phone: "0712345678".into(),
        amount: Tzs(2000),
        webhook_url: "http://127.0.0.1/hook".into(),
        metadata: serde_json::Map::new(),
    }
}

async fn create_at(fake: &FakeZenoPay) -> (CreateAnswer, CallFacts) {
    fake.client(PATIENT).create(&request()).await
}

fn refused(reason: &str) -> CreateAnswer {
    CreateAnswer::Refused(reason.into())
}

fn unknown(reason: &str) -> CreateAnswer {
    CreateAnswer::Unknown(reason.into())
}

#[tokio::test]
async fn a_push_is_sent_as_zenopay_documents_it() {
    let fake = FakeZenoPay::answering([answer(200, ACCEPTED)]);

    let (create, facts) = create_at(&fake).await;

    assert_eq!(create, CreateAnswer::Accepted);
    assert_eq!(facts.http_status, Some(200));
    let [sent] = &fake.requests()[..] else {
        panic!("one request")
    };
    assert!(sent.starts_with("POST /sandbox/api/payments/mobile_money_tanzania HTTP/1.1\r\n"));
    assert!(sent.contains("\r\nx-api-key: the-key\r\n"));
    assert!(sent.contains("\r\ncontent-type: application/json\r\n"));
    assert!(sent.contains(concat!(
        "\r\nuser-agent: malipo/",
        env!("CARGO_PKG_VERSION"),
        "\r\n"
    )));
    assert!(sent.contains(r#""buyer_phone":"0712345678","amount":2000,"#));
}

#[tokio::test]
async fn every_answer_to_a_push_says_whether_the_phone_can_have_rung() {
    let too_large = " ".repeat(BODY_BYTES_MAX) + ACCEPTED;
    for (answer, expected) in [
        (
            answer(200, REFUSED),
            refused("Invalid API Key or request payload"),
        ),
        (
            answer(403, REFUSED),
            refused("Invalid API Key or request payload"),
        ),
        (
            answer(400, r#"{"message":"Asha, the-key"}"#),
            refused("…, …"),
        ),
        (
            answer(504, ""),
            unknown("ZenoPay answered 504 without a clear result"),
        ),
        (
            answer(200, "<html>"),
            unknown("ZenoPay answered 200 without a clear result"),
        ),
        (
            answer(200, ""),
            unknown("ZenoPay answered 200 without a clear result"),
        ),
        (
            answer(200, too_large),
            unknown("ZenoPay answered 200 without a clear result"),
        ),
        (
            cut_answer(200),
            unknown("ZenoPay answered 200 without a clear result"),
        ),
        (cut_answer(403), refused("ZenoPay answered 403")),
        (
            HANG_UP,
            unknown("ZenoPay hung up before its whole answer arrived"),
        ),
    ] {
        let fake = FakeZenoPay::answering([answer]);

        assert_eq!(create_at(&fake).await.0, expected);
        assert_eq!(fake.requests().len(), 1, "a push is never repeated");
    }
}

#[tokio::test]
async fn a_push_without_an_answer_in_time_may_ring() {
    let fake = FakeZenoPay::answering([]);

    let (create, facts) = fake
        .client(Duration::from_millis(50))
        .create(&request())
        .await;

    assert_eq!(create, unknown("ZenoPay did not answer in time"));
    assert_eq!(facts.http_status, None);
    assert!(facts.duration >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_push_that_could_not_be_sent_is_refused() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{closed}").parse().unwrap();
    let client = Client::new(url, Secret::new("the-key"), PATIENT).unwrap();

    let (create, facts) = client.create(&request()).await;
    let (status, _) = client.order_status(order_id()).await;

    assert_eq!(create, refused("ZenoPay cannot be reached"));
    assert_eq!(facts.http_status, None);
    assert_eq!(
        status,
        StatusAnswer::Unknown(Why::Call(CallError::Unreachable))
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let moved = b"HTTP/1.1 307 X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_vec();
    let fake = FakeZenoPay::answering([moved, answer(200, ACCEPTED)]);

    let (create, facts) = create_at(&fake).await;

    assert_eq!(
        create,
        unknown("ZenoPay answered 307 without a clear result")
    );
    assert_eq!(facts.http_status, Some(307));
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn calls_share_a_connection() {
    let fake = FakeZenoPay::answering([answer(200, ACCEPTED), answer(404, "{}")]);
    let client = fake.client(PATIENT);

    client.create(&request()).await;
    client.clone().order_status(order_id()).await;

    assert_eq!(fake.requests().len(), 2);
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn a_push_on_a_connection_that_breaks_is_not_sent_again() {
    let fake = FakeZenoPay::answering([answer(404, "{}"), HANG_UP]);
    let client = fake.client(PATIENT);

    client.order_status(order_id()).await;
    let (create, _) = client.create(&request()).await;

    assert_eq!(
        create,
        unknown("ZenoPay hung up before its whole answer arrived")
    );
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn every_known_answer_of_order_status_arrives_as_what_it_means() {
    for (name, body) in fixtures() {
        let Some(kind) = name.strip_prefix("status-") else {
            continue;
        };
        let fake = FakeZenoPay::answering([answer(200, body)]);

        let (status, facts) = fake.client(PATIENT).order_status(order_id()).await;

        match status {
            StatusAnswer::Known(report) if report.word == ReportedStatus::Paid => {
                assert!(kind.starts_with("completed"), "{name}");
            }
            StatusAnswer::Known(_) => assert!(kind.starts_with("pending"), "{name}"),
            StatusAnswer::Unknown(_) => {
                assert!(
                    !kind.starts_with("completed") && !kind.starts_with("pending"),
                    "{name}"
                );
            }
        }
        assert_eq!(facts.http_status, Some(200));
        let expected = format!(
            "GET /sandbox{ORDER_STATUS_PATH}?order_id={} HTTP",
            order_id()
        );
        assert!(fake.requests()[0].starts_with(&expected));
    }
}

#[tokio::test]
async fn an_ask_that_went_wrong_is_unknown_and_says_why() {
    let known = fixtures()
        .into_iter()
        .find(|(name, _)| name == "status-completed.json");
    let known = known.unwrap().1;
    let too_large = [known.clone(), vec![b' '; BODY_BYTES_MAX]].concat();
    for (answer, why) in [
        (answer(200, too_large), Why::Call(CallError::TooLarge)),
        (answer(502, known), Why::HttpStatus(502)),
        (cut_answer(200), Why::Call(CallError::Broken)),
        (HANG_UP, Why::Call(CallError::Broken)),
    ] {
        let fake = FakeZenoPay::answering([answer]);

        let (status, _) = fake.client(PATIENT).order_status(order_id()).await;

        assert_eq!(status, StatusAnswer::Unknown(why));
    }
}

#[test]
fn an_impossible_configuration_is_told_by_its_key() {
    let new = |url: &str, key: &str| {
        Client::new(url.parse().unwrap(), Secret::new(key), PATIENT).map(|_| ())
    };
    for (made, key) in [
        (new("ftp://zenoapi.com", "k"), "zenopay.base_url"),
        (new("mailto:a@b.tz", "k"), "zenopay.base_url"),
        (new("https://zenoapi.com", ""), "zenopay.api_key"),
        (new("https://zenoapi.com", "a\nb"), "zenopay.api_key"),
    ] {
        assert!(made.unwrap_err().to_string().starts_with(key));
    }
    assert!(new("http://127.0.0.1:8080/sandbox", "k").is_ok());
}

#[tokio::test]
async fn the_key_cannot_be_printed() {
    let fake = FakeZenoPay::answering([]);

    assert!(!format!("{:?}", fake.client(PATIENT)).contains("the-key"));
}
