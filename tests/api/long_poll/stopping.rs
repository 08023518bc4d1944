//! A server that stops answers every client.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::status_url;
use crate::harness::{Answer, Kind, TestApp};

on_both_databases! {
    a_server_that_stops_answers_every_parked_poll_and_accepts_nothing_new,
}

async fn a_server_that_stops_answers_every_parked_poll_and_accepts_nothing_new(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (pending, paid) = (app.buy().await, app.buy().await);
    app.deliver_word(&paid, "COMPLETED").await;
    let (pending_shown, paid_shown) = (app.status(&pending).await, app.status(&paid).await);
    let polls = [
        (&pending, "?wait=35"),
        (&pending, "?wait=35&since=1"),
        (&paid, "?wait=35&since=2"),
    ]
    .map(|(order, query)| app.http.get(status_url(&app, order, query)).send());
    let events = app.http.get(status_url(&app, &pending, "/events")).send();
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(Connection::open(&app).await);
    }
    assert_eq!(open[0].get("/health/ready").await.unwrap().0, 200);

    let begun = Instant::now();
    let stop = async {
        app.until_parked(4).await;
        app.stop().await
    };
    let ((answers, ready, later), stream, database) = tokio::join!(
        async {
            let mut answers = Vec::new();
            for response in join_all(polls).await {
                answers.push(Answer::of(response.unwrap()).await);
            }

            // The polls were answered, so the server is stopping. New requests now arrive on open
            // connections.
            let [mut probe, mut buyer, mut poller, mut gateway] =
                <[Connection; 4]>::try_from(open).ok().unwrap();
            let portal = |path: &str| format!("/api/v1/customer-portal{path}");
            let poll = portal(&format!("/payment/status/{}?wait=35", pending.id));
            let packages = portal("/packages");
            let (ready, buyer, poller, gateway) = tokio::join!(
                probe.get("/health/ready"),
                buyer.get(&packages),
                poller.get(&poll),
                gateway.get("/metrics"),
            );
            (answers, ready, [buyer, poller, gateway])
        },
        async { Answer::of(events.await.unwrap()).await },
        stop
    );

    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "a poll waited to its end"
    );
    let shown = [&pending_shown, &pending_shown, &paid_shown];
    for (answer, shown) in answers.iter().zip(shown) {
        assert_eq!((answer.status, &answer.json()), (200, shown));
    }
    assert_eq!(stream.text.matches("data:").count(), 1, "{}", stream.text);
    let (status, ready) = ready.unwrap();
    assert_eq!((status, &ready["reasons"]), (503, &json!(["stopping"])));
    for answer in later {
        let (status, problem) = answer.unwrap();
        assert_eq!((status, &problem["code"]), (503, &json!("stopping")));
    }

    // The next server shows the same state.
    let app = TestApp::start_on(database, |_| {}).await;
    assert_eq!(app.status(&paid).await, paid_shown);
}

/// A connection that a browser keeps open.
struct Connection(TcpStream);

impl Connection {
    async fn open(app: &TestApp) -> Self {
        Self(TcpStream::connect(app.app.address).await.unwrap())
    }

    /// Sends one more request on this connection; returns the status and JSON of its answer, or
    /// `None` when there is no answer.
    async fn get(&mut self, path: &str) -> Option<(u16, Value)> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: portal\r\n\r\n");
        self.0.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        let whole = async {
            while self.0.read_buf(&mut answer).await.ok()? > 0 {
                let text = String::from_utf8_lossy(&answer);
                let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
                if let Some(json) = body.and_then(|body| serde_json::from_str(body).ok()) {
                    return Some((text["HTTP/1.1 ".len()..][..3].parse().unwrap(), json));
                }
            }
            None
        };
        timeout(Duration::from_secs(20), whole).await.unwrap()
    }
}
