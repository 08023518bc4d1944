//! Whether the server knows guests by their own addresses behind its proxies, or takes them all for one
//! client.

use std::net::IpAddr;
use std::time::Duration;

use super::call::{own_address, resolve};
use super::front::{Front, NOT_SEEN};
use crate::domain::health::Finding;
use crate::store::SeenCall;

const METRICS_WITHIN: Duration = Duration::from_secs(5);
/// Requests whose `X-Forwarded-For` came from an address that is not trusted.
const UNTRUSTED: &str = "malipo_untrusted_forwarded_for_total";

/// By the client address that the server saw when the doctor called it at its public address.
pub(super) async fn trusted(front: &Front<'_>) -> Finding {
    const CHECK: &str = "trusted_proxies";
    let Some((target, seen)) = front.seen() else {
        return Finding::skipped(CHECK, NOT_SEEN);
    };
    // From where this machine calls, as far as it knows itself.
    let towards = resolve(&target.base).await.ok();
    let own = match towards.and_then(|found| found.first().copied()) {
        Some(address) => own_address(address).await.map(|own| own.to_string()),
        None => None,
    };
    let is_direct = target.base.port_or_known_default() == Some(front.address.port());
    judge(CHECK, seen, own.as_deref(), is_direct)
}

fn judge(check: &'static str, seen: &SeenCall, own: Option<&str>, is_direct: bool) -> Finding {
    let (peer, client) = (seen.peer.as_str(), seen.client.as_str());
    let is_same = own == Some(client);
    if is_direct && !seen.is_forwarded {
        return Finding::ok(check, "there is no proxy");
    }
    if is_same && own == Some(peer) {
        let detail = format!(
            "proxy and doctor share the address {peer}: run malipo check on another machine too"
        );
        return Finding::skipped(check, detail);
    }
    if client != peer && (is_same || (seen.is_trusted && !own.is_some_and(is_seen_as_it_is))) {
        return Finding::ok(
            check,
            format!("behind the proxy {peer} the client is {client}"),
        );
    }
    if !seen.is_forwarded && !seen.is_trusted {
        return Finding::warning(
            check,
            format!("the call arrives from {peer} without X-Forwarded-For"),
            "If that is a proxy, have it set X-Forwarded-For, and put it into server.trusted_proxies",
        );
    }
    let hint = match (seen.is_forwarded, seen.is_trusted) {
        (true, false) => format!("Put {client} into server.trusted_proxies"),
        _ => "Have the proxy set X-Forwarded-For, as in deploy/nginx".to_owned(),
    };
    let detail = format!("all guests are taken for one client, the proxy {client}");
    Finding::failed(check, detail, hint)
}

/// Whether others see this address as it is. A private one may be another one outside its network (NAT).
fn is_seen_as_it_is(address: &str) -> bool {
    match address.parse() {
        Ok(IpAddr::V4(v4)) => {
            let [first, second, ..] = v4.octets();
            let is_carriers = first == 100 && (64..128).contains(&second);
            !v4.is_private() && !v4.is_link_local() && !is_carriers
        }
        // The other end may have been reached over IPv4.
        Ok(IpAddr::V6(_)) | Err(_) => false,
    }
}

/// What `server.trusted_proxies` lacks: by the doctor's own call, else by what the server has counted.
pub(super) async fn forwarded_for(front: &Front<'_>) -> Finding {
    const CHECK: &str = "forwarded_for";
    if let Some((_, seen)) = front.seen()
        && seen.is_forwarded
        && !seen.is_trusted
    {
        let proxy = &seen.client;
        return Finding::failed(
            CHECK,
            format!("{proxy} sends X-Forwarded-For and is not trusted: guests share one limit"),
            format!("Put {proxy} into server.trusted_proxies and restart the server"),
        );
    }
    let Some(listener) = front.own_listener() else {
        return Finding::skipped(CHECK, NOT_SEEN);
    };
    let (_, answer) = listener.get(listener.url("/metrics"), METRICS_WITHIN).await;
    let text = answer.and_then(|answer| {
        let body = answer.body.map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    });
    let count = text.and_then(|text| counted(&text).ok_or_else(|| format!("without {UNTRUSTED}")));
    let count = match count {
        Ok(count) => count,
        Err(why) => {
            let detail = format!("the server's /metrics cannot be read: {why}");
            return Finding::failed(CHECK, detail, "Look at the server's log");
        }
    };
    match count {
        0 => Finding::ok(CHECK, "comes from trusted proxies alone"),
        requests => Finding::warning(
            CHECK,
            format!(
                "{requests} requests had an X-Forwarded-For from an address that is not trusted"
            ),
            "The log names the first address; if it is a proxy, put it into server.trusted_proxies",
        ),
    }
}

/// `None` where the metric is missing.
fn counted(metrics: &str) -> Option<u64> {
    let mut lines = metrics.lines();
    lines.find_map(|line| line.strip_prefix(UNTRUSTED)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::CheckStatus;

    /// What is found by a call from this address.
    fn judged(
        own: &str,
        (peer, client): (&str, &str),
        is_forwarded: bool,
        is_trusted: bool,
    ) -> Finding {
        let seen = SeenCall {
            peer: peer.to_owned(),
            client: client.to_owned(),
            is_forwarded,
            is_trusted,
        };
        judge("trusted_proxies", &seen, Some(own), false)
    }

    #[test]
    fn a_proxy_that_hides_its_guests_is_found() {
        for (peer, client, is_forwarded, is_trusted, expected) in [
            ("10.0.0.1", "192.0.2.7", true, true, CheckStatus::Ok),
            ("10.0.0.1", "10.0.0.1", true, false, CheckStatus::Failed),
            ("10.0.0.1", "10.0.0.1", false, true, CheckStatus::Failed),
            ("10.0.0.1", "10.0.0.1", false, false, CheckStatus::Warning),
            ("192.0.2.7", "192.0.2.7", true, true, CheckStatus::Skipped),
            ("192.0.2.7", "192.0.2.7", true, false, CheckStatus::Skipped),
        ] {
            let found = judged("192.0.2.7", (peer, client), is_forwarded, is_trusted);
            assert_eq!(
                found.status, expected,
                "{peer} {client} {is_forwarded} {is_trusted}"
            );
        }
    }

    #[test]
    fn a_proxy_before_the_trusted_one_that_is_taken_for_the_client_is_found() {
        for (own, is_trusted, expected) in [
            // The outer proxy has written more addresses.
            ("192.168.1.5", false, CheckStatus::Failed),
            ("192.0.2.7", false, CheckStatus::Failed),
            // It has written none, and this machine has a public address, so it is not the client.
            ("192.0.2.7", true, CheckStatus::Failed),
            ("127.0.0.1", true, CheckStatus::Failed),
            // Its router may have translated the address.
            ("192.168.1.5", true, CheckStatus::Ok),
            ("100.64.0.5", true, CheckStatus::Ok),
            ("2001:db8::5", true, CheckStatus::Ok),
        ] {
            let found = judged(own, ("10.0.0.1", "10.0.0.2"), true, is_trusted);

            assert_eq!(found.status, expected, "{own} {is_trusted}");
            let names = found.detail.contains("10.0.0.2");
            assert!(names, "{}", found.detail);
        }
    }

    #[test]
    fn a_call_without_a_proxy_is_the_clients_own() {
        let seen = SeenCall {
            peer: "192.0.2.7".to_owned(),
            client: "192.0.2.7".to_owned(),
            is_forwarded: false,
            is_trusted: false,
        };

        let finding = judge("trusted_proxies", &seen, Some("192.0.2.7"), true);

        assert_eq!(finding.status, CheckStatus::Ok);
    }

    #[test]
    fn the_count_of_untrusted_headers_is_read_from_the_metrics() {
        let help = "# HELP malipo_untrusted_forwarded_for_total Requests.\n";

        assert_eq!(counted(&format!("{help}{UNTRUSTED} 12\n")), Some(12));
        assert_eq!(counted(help), None);
    }
}
