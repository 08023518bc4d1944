//! `GET /events`: the state of the actors each second.

use std::time::Duration;

use malipo::domain::people::Role;
use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use crate::harness::{Answer, Kind, TOKEN, TestApp};

on_both_databases! {
    the_stream_repeats_the_state_of_the_actors,
    the_stream_ends_when_the_server_stops,
    the_number_of_streams_is_limited,
    the_stream_of_a_disabled_operator_ends,
}

/// Longer than any pause of a busy machine.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);
const STREAMS_MAX: usize = 32;

async fn watch(app: &TestApp, token: &str) -> Response {
    let request = app.http.get(app.url("/api/v1/operator/events"));
    request.bearer_auth(token).send().await.unwrap()
}

/// The next document of the stream; `None` at its end.
async fn next(stream: &mut Response) -> Option<Value> {
    let chunk = timeout(GIVE_UP_AFTER, stream.chunk())
        .await
        .unwrap()
        .unwrap()?;
    let text = String::from_utf8(chunk.to_vec()).unwrap();
    let data = text
        .strip_prefix("event: actors\ndata: ")
        .and_then(|rest| rest.strip_suffix("\n\n"))
        .unwrap_or_else(|| panic!("no event: {text:?}"));
    Some(serde_json::from_str(data).unwrap())
}

async fn the_stream_repeats_the_state_of_the_actors(kind: Kind) {
    let app = TestApp::start(kind).await;
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let mut stream = watch(&app, &viewer).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(stream.headers()["cache-control"], "no-store");

    let first = next(&mut stream).await.unwrap();
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    // A document that was sent as the webhook came may be older.
    next(&mut stream).await.unwrap();
    let third = next(&mut stream).await.unwrap();

    let keys = |document: &Value| -> Vec<String> {
        document.as_object().unwrap().keys().cloned().collect()
    };
    let asked = app.actors_when(|_| true).await;
    assert_eq!(keys(&first), keys(&asked));
    assert_eq!(first["webhooks"]["completed"], 0);
    assert_eq!(third["webhooks"]["completed"], 1);
    assert_ne!(first["at"], third["at"]);
}

async fn the_stream_ends_when_the_server_stops(kind: Kind) {
    let app = TestApp::start(kind).await;
    let mut stream = watch(&app, TOKEN).await;
    next(&mut stream).await.unwrap();

    let (_, ended) = tokio::join!(app.stop(), async {
        while next(&mut stream).await.is_some() {}
        true
    });

    assert!(ended);
}

async fn the_number_of_streams_is_limited(kind: Kind) {
    let app = TestApp::start(kind).await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS_MAX {
        let stream = watch(&app, TOKEN).await;
        assert_eq!(stream.status(), 200);
        streams.push(stream);
    }

    let refused = Answer::of(watch(&app, TOKEN).await).await;
    refused.assert_problem(503, "busy");
    assert!(refused.header("retry-after").is_some());
    streams.pop();
    let begun = std::time::Instant::now();
    while watch(&app, TOKEN).await.status() != 200 {
        assert!(
            begun.elapsed() < GIVE_UP_AFTER,
            "the place is not given back"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn the_stream_of_a_disabled_operator_ends(kind: Kind) {
    let app = TestApp::start(kind).await;
    let asha = app.add_operator("asha", Role::Admin).await;
    let mut stream = watch(&app, &asha).await;
    next(&mut stream).await.unwrap();

    let store = app.store_beside().await;
    assert!(store.disable_operator("asha", None).await.unwrap());

    let mut documents = 0;
    while next(&mut stream).await.is_some() {
        documents += 1;
        assert!(documents < 20, "still watching");
    }
}
