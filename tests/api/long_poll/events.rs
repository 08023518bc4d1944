//! The status document as Server-Sent Events.

use serde_json::{Value, json};

use super::{hold, release, status_url};
use crate::harness::{Kind, TestApp, TestOrder};

on_both_databases! {
    each_version_is_an_event_and_the_final_one_ends_the_stream,
    a_final_order_is_one_event,
    a_stream_without_a_seat_is_asked_to_come_later,
}

/// An event stream, read as it arrives.
struct Stream {
    response: reqwest::Response,
    read: String,
}

impl Stream {
    async fn open(app: &TestApp, order: &TestOrder) -> Self {
        let request = app.http.get(status_url(app, order, "/events"));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/event-stream");
        assert_eq!(header("cache-control"), "no-store");
        Self {
            response,
            read: String::new(),
        }
    }

    /// The next event's id and document; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.read = rest;
                // A comment only keeps the connection open.
                if !event.starts_with(':') {
                    return Some(parse(&event));
                }
                continue;
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

fn parse(event: &str) -> (String, Value) {
    let field = |name: &str| {
        let mut values = event.lines().filter_map(|line| line.strip_prefix(name));
        let value = values.next().unwrap().trim_start().to_owned();
        assert_eq!(values.next(), None, "two of {name} in {event}");
        value
    };
    let document = serde_json::from_str(&field("data:")).unwrap();
    (field("id:"), document)
}

async fn each_version_is_an_event_and_the_final_one_ends_the_stream(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    // Each event is read before the next change: no event is held back.
    let mut stream = Stream::open(&app, &order).await;
    let pending = (stream.next().await.unwrap(), app.status(&order).await);
    hold(&app, &order).await;
    let held = (stream.next().await.unwrap(), app.status(&order).await);
    app.deliver_word(&order, "PENDING").await;
    release(&app, &order).await;
    let completed = (stream.next().await.unwrap(), app.status(&order).await);
    let end = stream.next().await;

    for (version, status, ((id, shown), document)) in [
        (1, "PENDING", pending),
        (2, "HELD", held),
        (3, "COMPLETED", completed),
    ] {
        assert_eq!(
            (id, &shown["version"]),
            (version.to_string(), &json!(version))
        );
        assert_eq!(shown["payment_status"], status);
        assert_eq!(shown, document);
    }
    assert_eq!(end, None);
    app.until_parked(0).await;
}

async fn a_final_order_is_one_event(kind: Kind) {
    let app = TestApp::start(kind).await;

    for word in ["COMPLETED", "FAILED", "CANCELLED"] {
        let order = app.buy().await;
        app.deliver_word(&order, word).await;

        let mut stream = Stream::open(&app, &order).await;

        let (id, shown) = stream.next().await.unwrap();
        assert_eq!((id.as_str(), shown), ("2", app.status(&order).await));
        assert_eq!(stream.next().await, None, "{word}");
    }
    app.until_parked(0).await;
}

async fn a_stream_without_a_seat_is_asked_to_come_later(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.portal.waiters_max = Some(1)).await;
    let order = app.buy().await;
    let mut stream = Stream::open(&app, &order).await;
    stream.next().await.unwrap();

    let refused = app.get(&status_url(&app, &order, "/events")).await;
    app.deliver_word(&order, "COMPLETED").await;
    let (_, shown) = stream.next().await.unwrap();

    refused.assert_problem(503, "busy");
    assert_eq!(refused.header("retry-after"), Some("2"));
    assert_eq!(shown["payment_status"], "COMPLETED");
}
