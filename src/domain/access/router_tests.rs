//! Routers: what an owner types, which router a session belongs to, and what is wrong with a router.

use core::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};

use super::router::{NewRouter, NotARouter, Origin, Router, RouterKind};
use super::router_address::RouterAddress;
use super::router_status::{DisconnectResult, RouterFault, RouterStatus};
use crate::domain::people::Secret;

fn parse(address: &str, name: &str, secret: &str, port: Option<u32>) -> Result<u16, NotARouter> {
    NewRouter::parse(address, name, Secret::new(secret), port).map(|router| router.coa_port)
}

#[test]
fn what_an_owner_types_is_checked() {
    assert_eq!(parse(" 10.0.0.1 ", "bar", "0123456789", None), Ok(3_799));
    let other_port = parse("fd00::1", "bar-2", "0123456789", Some(1_700));
    assert_eq!(other_port, Ok(1_700));
    for address in ["", "bar", "10.0.0.0/33", "10.0.0", "any/8"] {
        let refused = parse(address, "bar", "0123456789", None);
        assert_eq!(refused, Err(NotARouter::Address), "{address}");
    }
    for name in [
        "",
        " ",
        "a b",
        "a'b",
        "10.0.0.2",
        "any",
        "Any",
        "..",
        &"n".repeat(33),
    ] {
        let refused = parse("10.0.0.1", name, "0123456789", None);
        assert_eq!(refused, Err(NotARouter::Name), "{name}");
    }
    for secret in ["", "short", "with space", "%{secret}", &"s".repeat(61)] {
        let refused = parse("10.0.0.1", "bar", secret, None);
        assert_eq!(refused, Err(NotARouter::Secret));
    }
    for port in [0, 65_536] {
        let refused = parse("10.0.0.1", "bar", "0123456789", Some(port));
        assert_eq!(refused, Err(NotARouter::Port));
    }
    let new = NewRouter::parse("any", "bar", Secret::new("0123456789"), None).unwrap();
    for identifier in ["a'b", "a\nb", "%{x}", &"i".repeat(65)] {
        let refused = new.clone().known_as(Some(identifier));
        assert_eq!(refused, Err(NotARouter::Identifier));
    }
    assert_eq!(new.known_as(Some(" ")).unwrap().identifier, None);
}

#[test]
fn an_address_has_one_spelling_and_a_network_its_limits() {
    for (typed, stored, range) in [
        ("10.0.0.1", "10.0.0.1", None),
        ("FD00:0::1", "fd00::1", None),
        ("10.0.0.1/32", "10.0.0.1", None),
        (
            "10.0.0.77/24",
            "10.0.0.0/24",
            Some(("0a000000", "0a0000ff")),
        ),
        ("ANY", "any", None),
        (
            "fd00::/64",
            "fd00::/64",
            Some((
                "fd000000000000000000000000000000",
                "fd00000000000000ffffffffffffffff",
            )),
        ),
    ] {
        let address: RouterAddress = typed.parse().unwrap();

        assert_eq!(address.to_string(), stored);
        let range = range.map(|(first, last)| (first.to_owned(), last.to_owned()));
        assert_eq!(address.range(), range);
    }
}

fn router(id: i32, address: &str, identifier: Option<&str>) -> Router {
    Router {
        id,
        address: address.to_owned(),
        name: format!("router-{id}"),
        identifier: identifier.map(str::to_owned),
        kind: RouterKind::MikroTik,
        secret: Secret::new("0123456789abcdef"),
        coa_port: 3_799,
        require_message_auth: false,
    }
}

/// The router of a session and where it is reached.
fn found(source: &str, identifier: &str, says: &str) -> Option<(i32, String)> {
    let routers = [
        router(1, "any", None),
        router(2, "198.51.0.0/16", None),
        router(3, "198.51.100.0/24", None),
        router(4, "198.51.100.7", Some("bar")),
        router(5, "198.51.100.7", Some("pool")),
        router(6, "203.0.113.9", None),
    ];
    let origin = Origin {
        source: source.parse().ok(),
        identifier,
        says: says.parse().ok(),
    };
    let found = Router::of_session(&routers, &origin);
    found.map(|(router, address)| (router.id, address.to_string()))
}

#[test]
fn a_session_belongs_to_the_most_specific_router_and_is_ended_there() {
    let at = |id, address: &str| Some((id, address.to_owned()));
    assert_eq!(found("8.8.8.8", "", "192.168.88.1"), at(1, "8.8.8.8"));
    assert_eq!(found("198.51.9.9", "", ""), at(2, "198.51.9.9"));
    assert_eq!(found("198.51.100.9", "", ""), at(3, "198.51.100.9"));
    assert_eq!(found("198.51.100.7", "bar", ""), at(4, "198.51.100.7"));
    assert_eq!(found("198.51.100.7", "pool", ""), at(5, "198.51.100.7"));
    // Another router's address in a packet leads nowhere but to the packet's own source.
    assert_eq!(
        found("198.51.100.9", "", "203.0.113.9"),
        at(3, "198.51.100.9")
    );
    // Passed on by this machine, or older than the column: only an address that is registered.
    assert_eq!(found("127.0.0.1", "", "203.0.113.9"), at(6, "203.0.113.9"));
    assert_eq!(found("", "", "203.0.113.9"), at(6, "203.0.113.9"));
    assert_eq!(found("127.0.0.1", "", "198.51.100.9"), None);
    assert_eq!(found("", "", "198.51.100.9"), None);
}

#[test]
fn each_fault_of_a_router_is_found_and_a_sound_router_has_none() {
    let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(1);
    let ago = |minutes| Some(now - TimeDelta::minutes(minutes));
    let bar = router(1, "10.0.0.1", None);
    let sound = RouterStatus {
        accepted_at: ago(30),
        rejected_at: ago(1),
        signed_at: ago(1),
        unsigned_at: ago(90),
        accounted_at: ago(2),
        disconnect: Some((now, DisconnectResult::WasGone)),
        sessions: 1,
    };
    let faults = |status: &RouterStatus| status.faults(&bar, now);
    assert!(faults(&sound).is_empty());

    assert_eq!(faults(&RouterStatus::default()), [RouterFault::NeverHeard]);
    let marked = Router {
        require_message_auth: true,
        ..bar.clone()
    };
    let unheard = RouterStatus::default().faults(&marked, now);
    assert_eq!(unheard, [RouterFault::NeverSigned]);
    let rejected = RouterStatus {
        rejected_at: ago(1),
        unsigned_at: ago(1),
        ..RouterStatus::default()
    };
    let both = [RouterFault::OnlyRejected, RouterFault::Unsigned];
    assert_eq!(faults(&rejected), both);
    let mistyped = RouterStatus {
        rejected_at: ago(1),
        signed_at: ago(1),
        ..RouterStatus::default()
    };
    assert!(
        faults(&mistyped).is_empty(),
        "its signature proves its secret"
    );
    for accounted_at in [None, ago(60)] {
        let silent = RouterStatus {
            accounted_at,
            ..sound.clone()
        };
        assert_eq!(faults(&silent), [RouterFault::NeverAccounts]);
    }
    let just_now = RouterStatus {
        accounted_at: None,
        accepted_at: ago(1),
        ..sound.clone()
    };
    assert!(faults(&just_now).is_empty());
    let unsigned = RouterStatus {
        unsigned_at: ago(0),
        ..sound.clone()
    };
    assert_eq!(faults(&unsigned), [RouterFault::Unsigned]);
    let deaf = RouterStatus {
        disconnect: Some((now, DisconnectResult::Silent)),
        ..sound
    };
    assert_eq!(faults(&deaf), [RouterFault::NoDisconnect]);
}

#[test]
fn a_router_that_shares_no_address_needs_no_identifier() {
    let address: IpAddr = [10, 0, 0, 1].into();
    let routers = [router(1, "10.0.0.1", Some("bar"))];
    let origin = Origin {
        source: Some(address),
        identifier: "MikroTik",
        says: None,
    };
    let found = Router::of_session(&routers, &origin);
    assert_eq!(
        found.map(|(router, at)| (router.id, at)),
        Some((1, address))
    );
}
