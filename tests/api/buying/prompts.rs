//! A phone has at most one open prompt.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use super::{order_of, orders, pushes};
use crate::harness::{Kind, TestApp, fresh_phone};

on_both_databases! {
    a_phone_with_an_open_prompt_gets_no_second_one,
    ten_requests_without_a_key_prompt_the_phone_once,
    a_request_with_a_new_key_prompts_again,
    a_new_prompt_is_allowed_after_the_old_one_timed_out,
    a_new_prompt_is_allowed_at_once_when_the_order_is_final,
}

async fn a_phone_with_an_open_prompt_gets_no_second_one(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    for dressed in [order.phone.clone(), format!("+255{}", &order.phone[1..])] {
        // A request for another package would also prompt the same phone.
        for package in ["daily", "weekly"] {
            let answer = app
                .pay(&json!({"packageId": package, "phoneNumber": dressed}))
                .await;

            answer.assert_problem(409, "prompt_open");
            // The prompt may come from a stranger who typed this number.
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("hukuagiza sasa hivi, likatae"), "{detail}");
            let retry_after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=91).contains(&retry_after), "{retry_after}");
            // A client that types another person's number must not learn its order id.
            assert!(!answer.text.contains(&order.id), "{}", answer.text);
            assert_eq!(answer.json().get("order_id"), None);
        }
    }
    assert_eq!((orders(&app).await, pushes(&app).await), (1, 1));
    app.buy().await;
}

async fn ten_requests_without_a_key_prompt_the_phone_once(kind: Kind) {
    let app = TestApp::start(kind).await;

    for round in 1..=5 {
        let body = json!({"packageId": "daily", "phoneNumber": fresh_phone()});

        let answers = join_all((0..10).map(|_| app.pay(&body))).await;

        let made = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 1, "{answers:#?}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.assert_problem(409, "prompt_open");
        }
        assert_eq!((orders(&app).await, pushes(&app).await), (round, round));
    }
}

async fn a_request_with_a_new_key_prompts_again(kind: Kind) {
    let app = TestApp::start(kind).await;
    let open = app.buy().await;
    let body = json!({"packageId": "daily", "phoneNumber": open.phone});

    let answer = app.pay_with_key(&body, "a-second-order").await;

    assert_ne!(order_of(&answer, &open.phone).id, open.id);
    assert_eq!((answer.status, pushes(&app).await), (201, 2));
}

async fn a_new_prompt_is_allowed_after_the_old_one_timed_out(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.portal.resume_secs = 1).await;
    let begun = Instant::now();
    let first = app.buy().await;
    let body = json!({"packageId": "daily", "phoneNumber": first.phone});

    let second = loop {
        let answer = app.pay(&body).await;
        if answer.status == 201 {
            break answer;
        }
        answer.assert_problem(409, "prompt_open");
        assert!(begun.elapsed() < Duration::from_secs(20), "never allowed");
        sleep(Duration::from_millis(50)).await;
    };

    assert!(begun.elapsed() >= Duration::from_secs(1), "too early");
    assert_ne!(order_of(&second, &first.phone).id, first.id);
    // The old prompt can still be paid.
    app.deliver_word(&first, "COMPLETED").await;
    assert_eq!(app.status(&first).await["payment_status"], "COMPLETED");
}

async fn a_new_prompt_is_allowed_at_once_when_the_order_is_final(kind: Kind) {
    let app = TestApp::start(kind).await;

    for word in ["COMPLETED", "FAILED", "CANCELLED"] {
        let order = app.buy().await;
        app.deliver_word(&order, word).await;

        let answer = app
            .pay(&json!({"packageId": "daily", "phoneNumber": order.phone}))
            .await;

        assert_ne!(order_of(&answer, &order.phone).id, order.id, "{word}");
        assert_eq!(answer.status, 201, "{word}");
    }
}
