//! How much of a voucher is used and how much remains.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use strum::IntoStaticStr;
use utoipa::ToSchema;

use crate::domain::catalog::Validity;
use crate::domain::rfc3339;

const MIB: u64 = 1024 * 1024;

/// The time and data that were issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// When its time begins.
    pub validity: Validity,
    /// How long it lasts.
    pub duration: TimeDelta,
    /// When it ends, if that was known when it was issued.
    pub expires_at: Option<DateTime<Utc>>,
    /// When an operator took it back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The data volume, both ways together, in MiB.
    pub data_limit_mb: Option<i32>,
}

/// What accounting has recorded for all sessions together, also those of former codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// When the first session began.
    pub first_login_at: Option<DateTime<Utc>>,
    /// The data used, both ways together.
    pub octets: u64,
    /// Open sessions.
    pub devices_online: u32,
}

/// The state of a voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, Serialize, ToSchema)]
#[schema(as = VoucherState)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum State {
    /// Not used yet.
    New,
    /// In use.
    Active,
    /// Its time has ended, or its data is used up.
    Expired,
    /// An operator took it back.
    Revoked,
}

impl State {
    /// Whether a log-in is still possible.
    pub fn is_open(self) -> bool {
        match self {
            Self::New | Self::Active => true,
            Self::Expired | Self::Revoked => false,
        }
    }

    /// `new`, `active`, `expired` or `revoked`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What remains of a voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Remaining {
    /// Its state.
    pub state: State,
    /// When it ends; null while a voucher that counts from the first log-in is unused.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub expires_at: Option<DateTime<Utc>>,
    /// 0 when it has ended.
    pub seconds_remaining: u64,
    /// Null means no limit.
    pub bytes_remaining: Option<u64>,
    /// Open sessions.
    pub devices_online: u32,
}

impl Remaining {
    /// Counts what is used against what was issued.
    pub fn of(allowance: &Allowance, usage: &Usage, now: DateTime<Utc>) -> Self {
        let expires_at = ends_at(allowance, usage);
        let left = match expires_at {
            Some(at) => at - now,
            None => allowance.duration,
        };
        let seconds = u64::try_from(left.num_seconds()).unwrap_or(0);
        let bytes = allowance.data_limit_mb.map(|limit| {
            let octets = u64::try_from(limit).unwrap_or(0) * MIB;
            octets.saturating_sub(usage.octets)
        });
        let state = if allowance.revoked_at.is_some() {
            State::Revoked
        } else if left <= TimeDelta::zero() || bytes == Some(0) {
            State::Expired
        } else if usage.first_login_at.is_some() {
            State::Active
        } else {
            State::New
        };
        let is_over = matches!(state, State::Revoked | State::Expired);
        Self {
            state,
            expires_at,
            seconds_remaining: if is_over { 0 } else { seconds },
            bytes_remaining: bytes.map(|bytes| if is_over { 0 } else { bytes }),
            devices_online: usage.devices_online,
        }
    }
}

fn ends_at(allowance: &Allowance, usage: &Usage) -> Option<DateTime<Utc>> {
    match allowance.validity {
        Validity::Purchase => allowance.expires_at,
        // Known already for a code that replaced a used one.
        Validity::FirstLogin => allowance
            .expires_at
            .or(usage.first_login_at.map(|at| at + allowance.duration)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + secs, 0).unwrap()
    }

    fn day(validity: Validity) -> Allowance {
        Allowance {
            validity,
            duration: TimeDelta::days(1),
            expires_at: match validity {
                Validity::Purchase => Some(at(86_400)),
                Validity::FirstLogin => None,
            },
            revoked_at: None,
            data_limit_mb: None,
        }
    }

    fn used(first: i64, octets: u64) -> Usage {
        Usage {
            first_login_at: Some(at(first)),
            octets,
            devices_online: 1,
        }
    }

    #[test]
    fn time_runs_from_the_purchase_or_from_the_first_login() {
        let idle = Usage::default();
        let bought = Remaining::of(&day(Validity::Purchase), &idle, at(400));
        assert_eq!(
            (bought.state, bought.seconds_remaining),
            (State::New, 86_000)
        );

        let waits = Remaining::of(&day(Validity::FirstLogin), &idle, at(400_000));
        assert_eq!((waits.state, waits.seconds_remaining), (State::New, 86_400));
        assert_eq!(waits.expires_at, None);

        let runs = Remaining::of(&day(Validity::FirstLogin), &used(100, 0), at(400));
        assert_eq!(
            (runs.state, runs.seconds_remaining),
            (State::Active, 86_100)
        );
        assert_eq!(runs.expires_at, Some(at(86_500)));
    }

    #[test]
    fn a_voucher_ends_with_its_time_its_data_or_an_operator() {
        let over = Remaining::of(&day(Validity::Purchase), &used(0, 0), at(86_400));
        assert_eq!((over.state, over.seconds_remaining), (State::Expired, 0));

        let mut allowance = day(Validity::Purchase);
        allowance.data_limit_mb = Some(1);
        let left = Remaining::of(&allowance, &used(0, MIB - 7), at(1));
        assert_eq!((left.state, left.bytes_remaining), (State::Active, Some(7)));
        let empty = Remaining::of(&allowance, &used(0, MIB + 9), at(1));
        assert_eq!(
            (empty.state, empty.bytes_remaining),
            (State::Expired, Some(0))
        );

        allowance.revoked_at = Some(at(2));
        let back = Remaining::of(&allowance, &used(0, 0), at(3));
        assert_eq!((back.state, back.seconds_remaining), (State::Revoked, 0));
        assert_eq!(back.bytes_remaining, Some(0));
    }
}
