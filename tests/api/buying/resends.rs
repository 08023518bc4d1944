//! Requests for an SMS to be sent again: one guest leaves turns to the others behind the same address.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::shares::{HOTSPOT, behind_a_proxy, post, send, submit, wait_of};
use crate::harness::{Kind, fresh_phone};

on_both_databases! {
    a_guest_who_asks_again_and_again_leaves_turns_to_the_others_behind_the_same_address,
    a_guest_who_hangs_up_gives_the_turn_back,
}

async fn a_guest_who_asks_again_and_again_leaves_turns_to_the_others_behind_the_same_address(
    kind: Kind,
) {
    let app = behind_a_proxy(kind, |limits| limits.purchases_per_client_min = 1).await;
    let (impatient, other) = (fresh_phone(), fresh_phone());
    let ask = async |phone: &str| {
        let body = json!({"phoneNumber": phone});
        post(&app, "/payment/resend", &body).await
    };

    let crowd = join_all((0..20).map(|_| ask(&impatient))).await;
    let page = submit(&app, "/paid", &[("phone", &impatient)]).await;
    let others = ask(&other).await;

    let (sent, refused): (Vec<_>, Vec<_>) = crowd.iter().partition(|it| it.status == 202);
    assert_eq!(sent.len(), 3, "{crowd:#?}");
    for answer in refused {
        answer.assert_problem(429, "rate_limited");
        assert!((1..=60).contains(&wait_of(answer)), "{}", wait_of(answer));
    }
    assert_eq!(
        page.status, 429,
        "the page counts as the API: {}",
        page.text
    );
    assert_eq!(others.status, 202, "{}", others.text);
}

async fn a_guest_who_hangs_up_gives_the_turn_back(kind: Kind) {
    let app = behind_a_proxy(kind, |limits| limits.purchases_per_client_min = 1).await;
    let ask = || {
        let request = app.http.post(app.portal("/payment/resend"));
        let body = json!({"phoneNumber": fresh_phone()});
        request.json(&body).header("x-forwarded-for", HOTSPOT)
    };
    assert_eq!(send(ask()).await.status, 202);

    let soon = Duration::from_millis(500);
    let hung_up = join_all((0..10).map(|_| ask().timeout(soon).send())).await;
    let left = hung_up.iter().filter(|answer| answer.is_err()).count();
    let begun = Instant::now();
    // The server may notice a moment later.
    let is_answered = async || {
        let answer = ask().timeout(Duration::from_secs(3)).send().await;
        answer.is_ok_and(|answer| answer.status() == 202)
    };
    while !is_answered().await {}

    assert!(left >= 9, "{left} had to wait");
    // If ten turns were taken, none would come within three seconds for another ten seconds.
    assert!(
        begun.elapsed() < Duration::from_secs(11),
        "{:?}",
        begun.elapsed()
    );
}
