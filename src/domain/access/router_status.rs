//! What is known of a router from its own packets, and what is wrong with it.

use chrono::{DateTime, TimeDelta, Utc};

use super::router::Router;

/// When a router was last answered, and how. Times are at most a minute too old.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterStatus {
    /// A log-in was accepted.
    pub accepted_at: Option<DateTime<Utc>>,
    /// A log-in was rejected.
    pub rejected_at: Option<DateTime<Utc>>,
    /// A log-in came with a Message-Authenticator.
    pub signed_at: Option<DateTime<Utc>>,
    /// A log-in came without one.
    pub unsigned_at: Option<DateTime<Utc>>,
    /// A session was reported.
    pub accounted_at: Option<DateTime<Utc>>,
    /// A Disconnect-Request was sent, and what the router said.
    pub disconnect: Option<(DateTime<Utc>, DisconnectResult)>,
    /// Devices on-line.
    pub sessions: u64,
}

/// What a router said to a Disconnect-Request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum DisconnectResult {
    /// It has ended the session (ACK).
    Acknowledged,
    /// It has no such session (NAK).
    WasGone,
    /// It refuses (NAK).
    Refused,
    /// It said nothing.
    Silent,
}

/// A router reports each session every five minutes; after three intervals it should have.
const ACCOUNTS_WITHIN: TimeDelta = TimeDelta::minutes(15);

/// What an owner should mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouterFault {
    /// Nothing was ever received.
    NeverHeard,
    /// Nothing was ever received, and FreeRADIUS drops what is not signed.
    NeverSigned,
    /// Nothing but wrong log-ins.
    OnlyRejected,
    /// Log-ins are accepted, and no session was reported since.
    NeverAccounts,
    /// Its last log-in had no Message-Authenticator.
    Unsigned,
    /// It did not answer the last Disconnect-Request.
    NoDisconnect,
}

impl RouterFault {
    /// The fault and its remedy, in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NeverHeard => {
                "Nothing was ever received from it: its address or its secret is not the one here, or its packets do not arrive."
            }
            Self::NeverSigned => {
                "Nothing was ever received from it. If its RouterOS is older than 7.15, it does not sign: choose Log-ins: any under Change. Otherwise its address or its secret is not the one here, or its packets do not arrive."
            }
            Self::OnlyRejected => {
                "Every log-in was refused so far: its secret may not be the one here. Paste the script again."
            }
            Self::NeverAccounts => {
                "It lets guests in and reports no sessions: switch accounting on. The script does it."
            }
            Self::Unsigned => {
                "Its log-ins have no Message-Authenticator, so they can be forged. RouterOS 7.15 and later signs."
            }
            Self::NoDisconnect => {
                "It did not answer the last Disconnect-Request: a guest whose voucher is revoked stays on-line until the session ends. Behind NAT it needs a tunnel: malipoctl router script NAME --wireguard."
            }
        }
    }
}

impl RouterStatus {
    /// What is wrong with this router, the worst first.
    pub fn faults(&self, router: &Router, now: DateTime<Utc>) -> Vec<RouterFault> {
        let mut faults = Vec::new();
        let heard = [self.accepted_at, self.rejected_at, self.accounted_at];
        if heard.iter().all(Option::is_none) {
            return vec![match router.require_message_auth {
                true => RouterFault::NeverSigned,
                false => RouterFault::NeverHeard,
            }];
        }
        // FreeRADIUS drops what is signed with another secret, so a signature proves it: the code was wrong.
        let is_proven = [self.accepted_at, self.accounted_at, self.signed_at];
        if is_proven.iter().all(Option::is_none) {
            faults.push(RouterFault::OnlyRejected);
        }
        let is_silent = |accepted: DateTime<Utc>| {
            // Both are written once a minute, so they may be that far apart.
            let reported = self.accounted_at.map(|at| at + ACCOUNTS_WITHIN);
            now - accepted > ACCOUNTS_WITHIN && reported.is_none_or(|reported| reported < accepted)
        };
        if self.accepted_at.is_some_and(is_silent) {
            faults.push(RouterFault::NeverAccounts);
        }
        // A router that must sign gets no answer otherwise.
        if !router.require_message_auth && self.unsigned_at > self.signed_at {
            faults.push(RouterFault::Unsigned);
        }
        if let Some((_, DisconnectResult::Silent)) = self.disconnect {
            faults.push(RouterFault::NoDisconnect);
        }
        faults
    }
}
