//! Whether the server knows guests by their own addresses behind its proxies, or takes them all for one
//! client.

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
    if is_direct && !seen.is_forwarded {
        return Finding::ok(check, "there is no proxy");
    }
    if own == Some(peer) && own == Some(client) {
        let detail = format!(
            "proxy and doctor share the address {peer}: run malipo check on another machine too"
        );
        return Finding::skipped(check, detail);
    }
    if client != peer {
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
        (true, false) => format!("Put {peer} into server.trusted_proxies"),
        _ => "Have the proxy set X-Forwarded-For, as in deploy/nginx".to_owned(),
    };
    let detail = format!("all guests are taken for one client, the proxy {peer}");
    Finding::failed(check, detail, hint)
}

/// What `server.trusted_proxies` lacks: by the doctor's own call, else by what the server has counted.
pub(super) async fn forwarded_for(front: &Front<'_>) -> Finding {
    const CHECK: &str = "forwarded_for";
    if let Some((_, seen)) = front.seen()
        && seen.is_forwarded
        && !seen.is_trusted
    {
        let peer = &seen.peer;
        return Finding::failed(
            CHECK,
            format!("{peer} sends X-Forwarded-For and is not trusted: guests share one limit"),
            format!("Put {peer} into server.trusted_proxies and restart the server"),
        );
    }
    let Some(listener) = front.own_listener() else {
        return Finding::skipped(CHECK, NOT_SEEN);
    };
    let (_, answer) = listener.get(listener.url("/metrics"), METRICS_WITHIN).await;
    let text = answer.ok().and_then(|answer| answer.body.ok());
    let text = String::from_utf8(text.unwrap_or_default()).unwrap_or_default();
    match counted(&text) {
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

/// 0 also where the metric is missing.
fn counted(metrics: &str) -> u64 {
    let lines = metrics.lines();
    let mut values = lines.filter_map(|line| line.strip_prefix(UNTRUSTED)?.trim().parse().ok());
    values.next().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::CheckStatus;

    /// The status for a call from 192.0.2.7.
    fn status(peer: &str, client: &str, is_forwarded: bool, is_trusted: bool) -> CheckStatus {
        let seen = SeenCall {
            peer: peer.to_owned(),
            client: client.to_owned(),
            is_forwarded,
            is_trusted,
        };
        judge("trusted_proxies", &seen, Some("192.0.2.7"), false).status
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
            let status = status(peer, client, is_forwarded, is_trusted);
            assert_eq!(
                status, expected,
                "{peer} {client} {is_forwarded} {is_trusted}"
            );
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

        assert_eq!(counted(&format!("{help}{UNTRUSTED} 12\n")), 12);
        assert_eq!(counted(help), 0);
    }
}
