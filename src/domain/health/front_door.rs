//! Mistakes in what stands in front of the server: its proxies, and the webhook URL that ZenoPay has.

use core::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};

/// A mistake whose last trace is older counts as corrected.
const SEEN_LATELY: TimeDelta = TimeDelta::hours(24);

/// What requests have shown of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrontDoor {
    /// The last address that sent X-Forwarded-For without being a trusted proxy, and when.
    pub untrusted: Option<(IpAddr, DateTime<Utc>)>,
    /// When a webhook last came to a path that does not exist.
    pub unrouted_at: Option<DateTime<Utc>>,
}

impl FrontDoor {
    /// A sentence for each mistake that was seen lately. `moment` writes a time.
    pub(super) fn sentences(
        &self,
        now: DateTime<Utc>,
        moment: &dyn Fn(DateTime<Utc>) -> String,
    ) -> impl Iterator<Item = String> {
        let untrusted = self.untrusted.filter(|(_, at)| now - *at < SEEN_LATELY);
        let untrusted = untrusted.map(|(address, at)| {
            let at = moment(at);
            format!(
                "X-Forwarded-For from {address}, last at {at}, does not count: if that is your proxy, \
                 add it to server.trusted_proxies, because all its guests count as one client"
            )
        });
        let unrouted = self.unrouted_at.filter(|at| now - *at < SEEN_LATELY);
        let unrouted = unrouted.map(|at| {
            let at = moment(at);
            format!("A webhook came to an address that does not exist, last at {at}: see the log")
        });
        untrusted.into_iter().chain(unrouted)
    }
}
