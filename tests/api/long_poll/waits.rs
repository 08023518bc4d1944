//! How long a poll waits, and for what.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{AT_ONCE, hold, poll, release, status_url};
use crate::harness::{Answer, Kind, TestApp};

on_both_databases! {
    without_a_wait_the_answer_comes_at_once,
    a_parked_poll_is_woken_by_the_commit_and_brings_the_voucher,
    every_parked_poll_of_an_order_is_woken_and_no_other,
    a_poll_waits_for_any_version_other_than_the_one_it_knows,
    a_poll_whose_time_is_up_gets_the_current_state,
    a_wait_is_never_longer_than_the_cap,
    a_wait_that_is_not_a_number_is_refused,
    a_held_order_is_waited_for,
    an_order_that_fails_wakes_its_poll_too,
    a_stored_note_wakes_no_poll,
}

async fn without_a_wait_the_answer_comes_at_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    for query in ["", "?wait=0", "?wait=0.0", "?since=1", "?since=1&wait=0"] {
        let begun = Instant::now();
        let answer = poll(&app, &order, query).await;

        assert_eq!((answer.status, &answer.json()["version"]), (200, &json!(1)));
        assert!(begun.elapsed() < AT_ONCE, "{query}");
        assert_eq!(answer.header("retry-after"), None, "{query}");
    }
}

async fn a_parked_poll_is_woken_by_the_commit_and_brings_the_voucher(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    for query in ["?wait=30", "?wait=30&since=1"] {
        let order = if query.contains("since") {
            app.buy().await
        } else {
            order.clone()
        };
        let begun = Instant::now();
        let (answer, ()) = tokio::join!(poll(&app, &order, query), async {
            app.until_parked(1).await;
            app.deliver_word(&order, "COMPLETED").await;
        });

        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "answered because its time was over"
        );
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json(), app.status(&order).await);
        assert_eq!(answer.json()["payment_status"], "COMPLETED");
        assert_eq!(
            answer.json()["voucher_code"].as_str().map(str::len),
            Some(8)
        );
        assert_eq!(answer.header("retry-after"), None);
        app.until_parked(0).await;
    }
}

async fn every_parked_poll_of_an_order_is_woken_and_no_other(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, other) = (app.buy().await, app.buy().await);
    let polls = futures_util::future::join_all((0..8).map(|_| poll(&app, &order, "?wait=30")));

    let (answers, waiting, ()) = tokio::join!(polls, poll(&app, &other, "?wait=6"), async {
        app.until_parked(9).await;
        app.deliver_word(&order, "COMPLETED").await;
    });

    for answer in answers {
        assert_eq!(answer.json()["payment_status"], "COMPLETED");
    }
    assert_eq!(waiting.json()["payment_status"], "PENDING");
}

async fn a_poll_waits_for_any_version_other_than_the_one_it_knows(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (pending, paid) = (app.buy().await, app.buy().await);
    app.deliver_word(&paid, "COMPLETED").await;

    for (order, query) in [
        (&pending, "?wait=30&since=0"),
        (&pending, "?wait=30&since=2"),
        (&pending, "?wait=30&since=9223372036854775807"),
        (&paid, "?wait=30"),
        (&paid, "?wait=30&since=0"),
        (&paid, "?wait=30&since=1"),
        (&paid, "?wait=30&since=3"),
    ] {
        let begun = Instant::now();
        let answer = poll(&app, order, query).await;

        assert_eq!(
            (answer.status, answer.json()),
            (200, app.status(order).await)
        );
        assert!(begun.elapsed() < AT_ONCE, "{query} waited");
    }
    for (order, query) in [
        (&pending, "?wait=1"),
        (&pending, "?wait=1&since=1"),
        // It may still be refunded.
        (&paid, "?wait=1&since=2"),
    ] {
        let begun = Instant::now();
        let answer = poll(&app, order, query).await;

        assert_eq!(
            (answer.status, answer.json()),
            (200, app.status(order).await)
        );
        assert!(
            begun.elapsed() >= Duration::from_secs(1),
            "{query} did not wait"
        );
    }
}

async fn a_poll_whose_time_is_up_gets_the_current_state(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    let begun = Instant::now();
    let answer = poll(&app, &order, "?wait=0.4").await;

    assert!(begun.elapsed() >= Duration::from_millis(400));
    assert_eq!(
        (answer.status, answer.json()),
        (200, app.status(&order).await)
    );
    assert_eq!(answer.header("retry-after"), None);
    app.until_parked(0).await;
}

async fn a_wait_is_never_longer_than_the_cap(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.portal.wait_max_secs = 1).await;
    let order = app.buy().await;

    for wait in ["1", "30", "1000000", "1e300"] {
        let begun = Instant::now();
        let answer = poll(&app, &order, &format!("?wait={wait}")).await;

        assert_eq!((answer.status, &answer.json()["version"]), (200, &json!(1)));
        assert!(
            begun.elapsed() >= Duration::from_secs(1),
            "{wait}: did not wait"
        );
        assert!(begun.elapsed() < AT_ONCE, "{wait}: was not capped");
    }
}

async fn a_wait_that_is_not_a_number_is_refused(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    for query in [
        "wait=",
        "wait=soon",
        "wait=-1",
        "wait=-0.001",
        "wait=NaN",
        "wait=nan",
        "wait=inf",
        "wait=-inf",
        "wait=infinity",
        "wait=1e999",
        "wait=1,5",
        "wait=0x10",
        "wait=10s",
        "wait=%00",
        "wait=%FF",
        "wait=1&wait=2",
        "wait=1&since=",
        "wait=1&since=now",
        "wait=1&since=-1",
        "wait=1&since=1.5",
        "since=NaN",
        "wait=1&since=1&since=2",
    ] {
        poll(&app, &order, &format!("?{query}"))
            .await
            .assert_problem(422, "invalid_query");
    }
    let unrelated = poll(&app, &order, "?lang=sw&_=17").await;
    assert_eq!(unrelated.status, 200);
}

async fn a_held_order_is_waited_for(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let (woken, ()) = tokio::join!(poll(&app, &order, "?wait=30"), async {
        app.until_parked(1).await;
        hold(&app, &order).await;
    });
    assert_eq!(
        (&woken.json()["payment_status"], &woken.json()["version"]),
        (&json!("HELD"), &json!(2))
    );

    // HELD is not final: a poll without a known version waits as well.
    let (implicit, explicit, ()) = tokio::join!(
        poll(&app, &order, "?wait=30"),
        poll(&app, &order, "?wait=30&since=2"),
        async {
            app.until_parked(2).await;
            release(&app, &order).await;
        }
    );

    for answer in [implicit, explicit] {
        assert_eq!(
            (&answer.json()["payment_status"], &answer.json()["version"]),
            (&json!("COMPLETED"), &json!(3))
        );
        assert_eq!(
            answer.json()["voucher_code"].as_str().map(str::len),
            Some(8)
        );
    }
}

async fn an_order_that_fails_wakes_its_poll_too(kind: Kind) {
    let app = TestApp::start(kind).await;

    for (word, status) in [("FAILED", "FAILED"), ("USERCANCELLED", "CANCELLED")] {
        let order = app.buy().await;
        let (answer, ()) = tokio::join!(poll(&app, &order, "?wait=30"), async {
            app.until_parked(1).await;
            app.deliver_word(&order, word).await;
        });
        assert_eq!(
            (&answer.json()["payment_status"], &answer.json()["version"]),
            (&json!(status), &json!(2))
        );

        // Late money makes another version.
        let (answer, ()) = tokio::join!(poll(&app, &order, "?wait=30&since=2"), async {
            app.until_parked(1).await;
            app.deliver_word(&order, "COMPLETED").await;
        });
        assert_eq!(
            (&answer.json()["payment_status"], &answer.json()["version"]),
            (&json!("COMPLETED"), &json!(3))
        );
    }
}

async fn a_stored_note_wakes_no_poll(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    let begun = Instant::now();
    let (answer, ()) = tokio::join!(poll(&app, &order, "?wait=5"), async {
        app.until_parked(1).await;
        app.deliver_word(&order, "PENDING").await;
        app.deliver_word(&order, "WHATEVER").await;
    });

    assert_eq!(answer.json()["version"], 1);
    assert!(begun.elapsed() >= Duration::from_secs(5), "woken by a note");
    let request = app.http.get(status_url(&app, &order, "?wait=1&since=1"));
    assert_eq!(
        Answer::of(request.send().await.unwrap()).await.json()["version"],
        1
    );
}
