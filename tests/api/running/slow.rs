//! Clients that send slowly, or too much, to keep others out.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{KEY, Kind, SaleCounts, TestApp};

/// Longer than any limit of the server, on a busy machine.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// Connections of each kind.
const MANY: usize = 100;

/// Sends a beginning and then nothing; returns what arrives until the server closes the connection.
async fn send_and_stall(app: &TestApp, beginning: &str) -> String {
    let address = app.app.address;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(beginning.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset counts as an end too.
    let _ = timeout(GIVE_UP_AFTER, stream.read_to_end(&mut answer))
        .await
        .expect("the server waits for ever");
    String::from_utf8_lossy(&answer).into_owned()
}

#[actix_web::test]
async fn a_client_that_sends_a_head_or_a_body_slowly_is_disconnected_and_delays_no_other() {
    let app = TestApp::start(Kind::Sqlite).await;
    let order = app.buy().await;
    let head = "POST /api/v1/customer-portal/payment HTTP/1.1\r\nhost: a\r\nx-sl";
    let body = format!(
        "POST /api/v1/customer-portal/webhook/zenopay HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
         x-api-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n{{\"order_id\""
    );

    let heads = join_all((0..MANY).map(|_| send_and_stall(&app, head)));
    let bodies = join_all((0..MANY).map(|_| send_and_stall(&app, &body)));
    let meanwhile = async {
        let sold = app.deliver_word(&order, "COMPLETED").await;
        let next = app.buy().await;
        (sold, app.status(&next).await)
    };
    let (heads, bodies, (sold, next)) = tokio::join!(heads, bodies, meanwhile);

    assert_eq!(sold.verdict(), (200, "completed".to_owned()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    assert_eq!(next["payment_status"], "PENDING");
    for answer in heads {
        let is_refused = answer.is_empty() || answer.starts_with("HTTP/1.1 408");
        assert!(is_refused, "{answer}");
    }
    for answer in bodies {
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains("invalid_request"), "{answer}");
    }
    // None of their places is still taken.
    app.buy().await;
}

#[actix_web::test]
async fn a_head_without_end_is_refused() {
    let app = TestApp::start(Kind::Sqlite).await;

    for head in heads(ENDLESS) {
        let answer = send_whole(&app, &head).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{}",
            &answer[..answer.len().min(200)]
        );
    }

    // The size was the reason: heads of a size that browsers send are served.
    for head in &heads(USUAL)[1..] {
        let answer = send_whole(&app, head).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// The length of a line, and the number of lines.
type Size = (usize, usize);
/// More than is ever read.
const ENDLESS: Size = (300 * 1024, 500);
const USUAL: Size = (8 * 1024, 50);

/// A head with a long first line, with another long line, and with many lines.
fn heads((long, many): Size) -> [String; 3] {
    let long = "a".repeat(long);
    let many: String = (0..many).map(|n| format!("x-{n}: {n}\r\n")).collect();
    let close = "host: a\r\nconnection: close\r\n";
    [
        format!("GET /{long} HTTP/1.1\r\n{close}\r\n"),
        format!("GET /health/live HTTP/1.1\r\n{close}x-long: {long}\r\n\r\n"),
        format!("GET /health/live HTTP/1.1\r\n{close}{many}\r\n"),
    ]
}

async fn send_whole(app: &TestApp, head: &str) -> String {
    let mut stream = TcpStream::connect(app.app.address).await.unwrap();
    // The server may close the connection before everything is sent.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(GIVE_UP_AFTER, stream.read_to_end(&mut answer))
        .await
        .expect("the server waits for ever");
    String::from_utf8_lossy(&answer).into_owned()
}

#[actix_web::test]
async fn every_answer_carries_the_headers_that_keep_browsers_safe() {
    let app = TestApp::start(Kind::Sqlite).await;

    for path in [
        "/health/live",
        "/api/v1/customer-portal/packages",
        "/nowhere",
    ] {
        let answer = app.get(&app.url(path)).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name} of {path}");
        }
        assert_eq!(answer.header("strict-transport-security"), None, "{path}");
    }
}
