//! The mistakes in front of the server that requests have shown: counted, logged, and kept for the
//! console.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tracing::warn;

use crate::domain::health;
use crate::observability::metrics::Metrics;

/// Addresses that are logged, each once. A client on the Internet may send the header too, so that the
/// first address is not always the proxy.
const LOGGED_MAX: usize = 8;
/// The pause between two log lines about webhooks without a route.
const LOG_EVERY: Duration = Duration::from_secs(60);
/// The words of a webhook's path; other parts may be secrets and are not logged.
const PATH_WORDS: [&str; 5] = ["api", "v1", "customer-portal", "webhook", "zenopay"];

/// The mistakes that requests have shown since the start.
pub struct FrontDoor {
    metrics: Arc<Metrics>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    last: health::FrontDoor,
    logged: BTreeSet<IpAddr>,
    unrouted_logged: Option<Instant>,
}

impl Seen {
    /// Whether a webhook without a route is logged. The clock may be put back meanwhile, so `moment` is
    /// of the monotonic one.
    fn unrouted(&mut self, now: DateTime<Utc>, moment: Instant) -> bool {
        self.last.unrouted_at = Some(now);
        let logged = self.unrouted_logged;
        let is_time = logged.is_none_or(|at| moment.duration_since(at) >= LOG_EVERY);
        if is_time {
            self.unrouted_logged = Some(moment);
        }
        is_time
    }
}

impl FrontDoor {
    /// Nothing seen yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            seen: Mutex::default(),
        }
    }

    /// What an operator should know.
    pub fn seen(&self) -> health::FrontDoor {
        self.lock().last
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn saw_untrusted(&self, peer: IpAddr, now: DateTime<Utc>) {
        self.metrics.untrusted_forwards.inc();
        let mut seen = self.lock();
        seen.last.untrusted = Some((peer, now));
        if seen.logged.len() < LOGGED_MAX && seen.logged.insert(peer) {
            warn!(
                %peer,
                "X-Forwarded-For does not count, because it comes from an address that is not in \
                 server.trusted_proxies; if that is your proxy, add it"
            );
        }
    }

    pub(super) fn saw_unrouted(&self, path: &str, now: DateTime<Utc>) {
        self.metrics.unrouted_webhooks.inc();
        if self.lock().unrouted(now, Instant::now()) {
            let (path, total) = (masked(path), self.metrics.unrouted_webhooks.get());
            warn!(path, total, "a webhook came to a path that does not exist");
        }
    }
}

/// A path for the log: its known words, and `-` for any other part.
fn masked(path: &str) -> String {
    let shown = |part| match part {
        "" => "",
        part if PATH_WORDS.contains(&part) => part,
        _ => "-",
    };
    let parts: Vec<&str> = path.split('/').take(12).map(shown).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_does_not_silence_the_log() {
        let (now, moment) = (DateTime::UNIX_EPOCH, Instant::now());
        let mut seen = Seen::default();

        assert!(seen.unrouted(now, moment));
        let soon = moment + LOG_EVERY - Duration::from_millis(1);
        assert!(!seen.unrouted(now + chrono::TimeDelta::days(1), soon));
        let before = now - chrono::TimeDelta::days(14);
        assert!(seen.unrouted(before, moment + LOG_EVERY));
        assert_eq!(seen.last.unrouted_at, Some(before));
    }

    #[test]
    fn the_log_shows_no_secret_of_a_path() {
        let path = "/api/v1/customer-portal/webhook//zenopai/secret.secret";
        assert_eq!(masked(path), "/api/v1/customer-portal/webhook//-/-");
        assert!(masked(&"/x".repeat(10_000)).len() < 100);
    }
}
