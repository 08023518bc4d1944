//! The state of a voucher that a guest sees, computed from the routers' accounting.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{age_sessions, refund, sell, send_accounting, with_voucher};
use crate::harness::freeradius::FreeRadius;
use crate::harness::{Answer, Kind, TestApp};

on_both_databases! {
    time_and_devices_are_counted_as_the_router_reports,
    data_is_counted_as_the_router_reports,
    a_voucher_ends,
    a_client_that_guesses_codes_takes_turns,
    a_guest_behind_a_trusted_proxy_is_not_mistaken_for_it,
    a_device_in_the_hotspot_learns_whether_it_is_captive,
    a_server_outside_the_hotspot_has_no_captive_state,
}

async fn voucher(app: &TestApp, code: &str) -> Answer {
    app.get(&app.portal(&format!("/voucher/{code}"))).await
}

/// The document, without the parts that depend on the time.
async fn document(app: &TestApp, code: &str) -> Value {
    let answer = voucher(app, code).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

#[track_caller]
fn assert_about(seconds: &Value, wanted: u64) {
    let seconds = seconds.as_u64().unwrap();
    assert!(
        (wanted - 120..=wanted).contains(&seconds),
        "{seconds} and not about {wanted}"
    );
}

async fn time_and_devices_are_counted_as_the_router_reports(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "student").await;
    let new = document(&app, &code).await;
    assert_eq!(
        new,
        json!({
            "status": "success", "voucher_code": code, "state": "new", "expires_at": null,
            "seconds_remaining": 30 * 86_400, "bytes_remaining": 20_480_u64 << 20,
            "devices_online": 0,
        })
    );

    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    age_sessions(&app, 600).await;
    let interim = [("Acct-Session-Time", "600")];
    send_accounting(&radius, "Interim-Update", &code, "s1", &interim).await;

    let typed = format!(" {}-{} ", code[..4].to_lowercase(), &code[4..]).replace(' ', "%20");
    let active = document(&app, &typed).await;
    assert_eq!(active["state"], "active");
    assert_eq!(active["devices_online"], 1);
    assert_about(&active["seconds_remaining"], 30 * 86_400 - 600);
    assert!(active["expires_at"].is_string());

    send_accounting(
        &radius,
        "Stop",
        &code,
        "s1",
        &[("Acct-Session-Time", "660")],
    )
    .await;
    let off = document(&app, &code).await;
    assert_eq!(
        (&off["state"], &off["devices_online"]),
        (&json!("active"), &json!(0))
    );
}

async fn data_is_counted_as_the_router_reports(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "student").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    let interim = [("Acct-Session-Time", "60"), ("Acct-Input-Octets", "1000")];
    send_accounting(&radius, "Interim-Update", &code, "s1", &interim).await;
    let left = document(&app, &code).await;
    assert_eq!(left["bytes_remaining"], (20_480_u64 << 20) - 1_000);

    let stop = [
        ("Acct-Session-Time", "90"),
        ("Acct-Input-Octets", "2000"),
        ("Acct-Output-Octets", "5"),
        ("Acct-Output-Gigawords", "4"),
    ];
    send_accounting(&radius, "Stop", &code, "s1", &stop).await;
    let left = document(&app, &code).await;
    assert_eq!(left["bytes_remaining"], (1_u64 << 32) - 2_005);

    let rest = [("Acct-Session-Time", "90"), ("Acct-Input-Gigawords", "1")];
    send_accounting(&radius, "Stop", &code, "s2", &rest).await;
    let empty = document(&app, &code).await;
    assert_eq!(
        (&empty["state"], &empty["bytes_remaining"]),
        (&json!("expired"), &json!(0))
    );
}

async fn a_voucher_ends(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, code) = sell(&app, "daily").await;
    let new = document(&app, &code).await;
    assert_eq!(
        (&new["state"], &new["bytes_remaining"]),
        (&json!("new"), &Value::Null)
    );
    assert_about(&new["seconds_remaining"], 86_400);
    let ends = app.status(&order).await["expires_at"].clone();
    assert_eq!(new["expires_at"], ends, "as in the order's status");

    refund(&app, &order).await;
    let revoked = document(&app, &code).await;
    assert_eq!(
        (&revoked["state"], &revoked["seconds_remaining"]),
        (&json!("revoked"), &json!(0))
    );
}

async fn a_client_that_guesses_codes_takes_turns(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (_, code) = sell(&app, "daily").await;
    for _ in 0..25 {
        // A right code does not count as a guess, and neither does text that cannot be a code.
        assert_eq!(voucher(&app, &code).await.status, 200);
        voucher(&app, "0")
            .await
            .assert_problem(404, "voucher_not_found");
    }

    for _ in 0..20 {
        voucher(&app, "K7QMX2PZ")
            .await
            .assert_problem(404, "voucher_not_found");
    }

    // A right code waits for its turn as a wrong one does, and then it is answered.
    let begun = Instant::now();
    assert_eq!(voucher(&app, &code).await.status, 200);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let crowd = join_all((0..14).map(|_| voucher(&app, "K7QMX2PZ"))).await;
    let (answered, stopped): (Vec<_>, Vec<_>) = crowd.iter().partition(|it| it.status == 404);
    assert!((10..=12).contains(&answered.len()), "{}", answered.len());
    for answer in stopped {
        answer.assert_problem(429, "rate_limited");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

/// Otherwise a stop would wait for it.
#[actix_web::test]
async fn a_look_up_that_waits_for_its_turn_ends_when_the_server_stops() {
    let app = TestApp::start(Kind::Sqlite).await;
    for _ in 0..20 {
        voucher(&app, "K7QMX2PZ").await;
    }
    let url = app.portal("/voucher/K7QMX2PZ");
    let waiting = (0..10).map(|_| tokio::spawn(app.http.get(&url).send()));
    let waiting: Vec<_> = waiting.collect();
    // The first turn is over: the others have arrived.
    voucher(&app, "K7QMX2PZ").await;

    let begun = Instant::now();
    app.stop().await;

    let answers = join_all(waiting).await;
    let stopped = answers.into_iter().filter(|it| {
        let answer = it.as_ref().unwrap().as_ref();
        answer.is_ok_and(|answer| answer.status() == 503)
    });
    assert!(stopped.count() >= 5);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

async fn a_guest_behind_a_trusted_proxy_is_not_mistaken_for_it(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    let (_, code) = sell(&app, "daily").await;
    let from = async |client: &str, code: &str| {
        let url = app.portal(&format!("/voucher/{code}"));
        let request = app.http.get(url).header("x-forwarded-for", client);
        request.send().await.unwrap().status().as_u16()
    };

    for _ in 0..20 {
        assert_eq!(from("198.51.100.1", "K7QMX2PZ").await, 404);
    }

    let crowd = (0..12).map(|_| from("198.51.100.1", &code));
    let (crowd, other) = tokio::join!(join_all(crowd), from("198.51.100.2", &code));
    assert!(crowd.contains(&429) && crowd.contains(&200), "{crowd:?}");
    assert_eq!(other, 200);
}

async fn a_device_in_the_hotspot_learns_whether_it_is_captive(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.portal.on_site = true).await;
    let radius = FreeRadius::start(&app.database).await;
    let (order, code) = sell(&app, "student").await;
    let captive = async || {
        let answer = app.get(&app.portal("/captive")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(
            answer.header("content-type"),
            Some("application/captive+json")
        );
        assert_eq!(answer.header("cache-control"), Some("private"));
        answer.json()
    };
    let portal = format!("{}/", app.base);
    let held = json!({"captive": true, "user-portal-url": portal});
    assert_eq!(captive().await, held);

    send_accounting(
        &radius,
        "Start",
        &code,
        "s1",
        &[("Framed-IP-Address", "127.0.0.1")],
    )
    .await;
    let free = captive().await;
    assert_eq!(free["captive"], false);
    assert_about(&free["seconds-remaining"], 30 * 86_400);
    assert_eq!(free["bytes-remaining"], 20_480_u64 << 20);

    refund(&app, &order).await;
    assert_eq!(captive().await, held);
}

async fn a_server_outside_the_hotspot_has_no_captive_state(kind: Kind) {
    let app = TestApp::start(kind).await;

    let answer = app.get(&app.portal("/captive")).await;

    answer.assert_problem(404, "not_found");
}
