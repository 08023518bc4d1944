//! The sentence of each fault, and their order.

use chrono_tz::Africa::Dar_es_Salaam;

use super::*;
use crate::domain::access::FirstAccept;
use crate::domain::outbox_hold::{OutboxHold, Waiting};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn noon() -> DateTime<Utc> {
    at("2026-11-24T09:00:00Z")
}

fn healthy() -> Readings {
    Readings {
        database: Database::Answers,
        not_selling: None,
        has_simulated: false,
        transaction_p95_ms: 3.0,
        gateway_silent_since: None,
        sms_failing_since: None,
        sms_waiting_since: Some(noon() - TimeDelta::seconds(5)),
        sms_dead: 0,
        outbox_hold: None,
        radius_trouble: None,
        vouchers_refused: 0,
        // Mended by now.
        vouchers_refused_in_an_hour: 1,
        vouchers_refused_in_a_day: 2,
        last_refusal: Some("no reason given".to_owned()),
        unaccounted_routers: Vec::new(),
        held: 0,
        mailbox_depth_max: 3,
        mailbox_capacity: 64,
        oldest_message: TimeDelta::milliseconds(200),
        waiters: 500,
        waiters_max: 15_000,
        reconciler_ran_at: Some(noon() - TimeDelta::seconds(2)),
        uptime: TimeDelta::hours(3),
        failed_tasks: vec![("sms_relay", TimeDelta::minutes(16))],
        not_listening_since: None,
        front_door: FrontDoor::default(),
    }
}

fn unaccounted(name: &str) -> UnaccountedRouter {
    UnaccountedRouter {
        last: FirstAccept {
            address: "10.0.0.1".to_owned(),
            identifier: String::new(),
            name: name.to_owned(),
            at: 0,
            is_accounted: false,
        },
        vouchers: 1,
        since: 0,
    }
}

fn sentences(readings: &Readings) -> Vec<String> {
    let alerts = alerts(readings, noon(), &Dar_es_Salaam);
    alerts.into_iter().map(|alert| alert.sentence).collect()
}

#[test]
fn a_healthy_server_has_no_alerts() {
    assert_eq!(sentences(&healthy()), Vec::<String>::new());
    let fresh = Readings {
        reconciler_ran_at: None,
        uptime: TimeDelta::seconds(1),
        ..healthy()
    };
    assert_eq!(sentences(&fresh), Vec::<String>::new());
}

#[test]
fn each_fault_has_its_sentence() {
    let early = at("2026-11-24T08:02:00Z");
    let yesterday = at("2026-11-23T08:02:00Z");
    let last_night = at("2026-11-23T20:02:00Z");
    let proxy = "172.18.0.1".parse().unwrap();
    let held = OutboxHold {
        since: early,
        sms: Waiting { all: 3, old: 2 },
        disconnects: Waiting { all: 1, old: 1 },
    };
    #[rustfmt::skip]
    let cases = [
        (Readings { database: Database::Away, held: 2, ..healthy() }, "Database not answering: nothing is sold, and webhooks are answered 503"),
        (Readings { transaction_p95_ms: 500.0, ..healthy() }, "Database slow: a sale takes up to 500 ms"),
        (Readings { transaction_p95_ms: 2_500.0, ..healthy() }, "Database very slow: a sale takes up to 2.5 s"),
        (Readings { gateway_silent_since: Some(early), ..healthy() }, "ZenoPay not answering since 11:02"),
        (Readings { gateway_silent_since: Some(yesterday), ..healthy() }, "ZenoPay not answering since 23 Nov, 11:02"),
        (Readings { sms_failing_since: Some(early), ..healthy() }, "SMS failing since 11:02"),
        (Readings { sms_waiting_since: Some(early), ..healthy() }, "SMS failing since 11:02"),
        (Readings { outbox_hold: Some(held), sms_waiting_since: Some(yesterday), ..healthy() }, "3 SMS and 1 Disconnect-Request are held back since a backup was restored, 11:02: an admin must decide"),
        (Readings { sms_dead: 1, ..healthy() }, "1 SMS was given up: see the failed messages"),
        (Readings { radius_trouble: Some((RadiusTrouble::NoAnswer, early)), ..healthy() }, "FreeRADIUS not answering since 11:02: no guest can log in"),
        (Readings { radius_trouble: Some((RadiusTrouble::Unsealed, early)), ..healthy() }, "FreeRADIUS answers without a valid Message-Authenticator since 11:02: routers refuse such answers; run malipo check"),
        (Readings { vouchers_refused: 1, ..healthy() }, "1 sold voucher is refused by FreeRADIUS (1 refused in the last hour, 2 in the last day; the last reason: no reason given): see the day's report"),
        (Readings { unaccounted_routers: vec![unaccounted("bar"), unaccounted("kiosk")], ..healthy() }, "No accounting from bar, kiosk, which lets guests in: used data and devices are not counted; switch RADIUS accounting on there"),
        (Readings { held: 2, ..healthy() }, "2 orders are held: they are paid, and an admin must decide"),
        (Readings { oldest_message: TimeDelta::seconds(7), ..healthy() }, "An order has been stuck for 7 s"),
        (Readings { mailbox_depth_max: 64, ..healthy() }, "An order's mailbox is full: further webhooks are answered 503"),
        (Readings { waiters: 13_500, ..healthy() }, "Nearly full: 13500 of 15000 seats for waiting guests are taken"),
        (Readings { reconciler_ran_at: Some(early), ..healthy() }, "Lost webhooks are not looked for since 11:02"),
        (Readings { reconciler_ran_at: None, ..healthy() }, "Lost webhooks are not looked for since the start"),
        (Readings { failed_tasks: vec![("sms_relay", TimeDelta::minutes(14))], ..healthy() }, "A background task failed in the last 15 minutes and was started again: sms_relay"),
        (Readings { failed_tasks: vec![("overview", TimeDelta::zero()), ("sandbox", TimeDelta::zero())], ..healthy() }, "2 background tasks failed in the last 15 minutes and were started again: overview, sandbox"),
        (Readings { not_selling: Some("the database is read-only".to_owned()), ..healthy() }, "Nothing is sold: the database is read-only"),
        (Readings { has_simulated: true, ..healthy() }, SIMULATED),
        (Readings { not_listening_since: Some(early), ..healthy() }, "Other servers not heard since 11:02: guests see their sales a second late"),
        (Readings { front_door: FrontDoor { untrusted: Some((proxy, early)), ..FrontDoor::default() }, ..healthy() }, "X-Forwarded-For from 172.18.0.1, last at 11:02, does not count: if that is your proxy, add it to server.trusted_proxies, because all its guests count as one client"),
        (Readings { front_door: FrontDoor { unrouted_at: Some(last_night), ..FrontDoor::default() }, ..healthy() }, "A webhook came to an address that does not exist, last at 23 Nov, 23:02: see the log"),
    ];
    for (readings, sentence) in cases {
        assert_eq!(sentences(&readings), [sentence]);
    }
}

#[test]
fn a_mistake_in_front_of_the_server_is_forgotten_after_a_day() {
    let yesterday = noon() - TimeDelta::hours(24);
    let readings = Readings {
        front_door: FrontDoor {
            untrusted: Some(("172.18.0.1".parse().unwrap(), yesterday)),
            unrouted_at: Some(yesterday),
        },
        ..healthy()
    };

    assert_eq!(sentences(&readings), Vec::<String>::new());
}

#[test]
fn the_worst_comes_first() {
    let readings = Readings {
        held: 1,
        transaction_p95_ms: 600.0,
        sms_failing_since: Some(noon()),
        ..healthy()
    };

    let alerts = alerts(&readings, noon(), &Dar_es_Salaam);

    let gravity: Vec<_> = alerts.iter().map(|alert| alert.gravity).collect();
    assert_eq!(gravity, [Gravity::Wrong, Gravity::Watch, Gravity::Watch]);
}
