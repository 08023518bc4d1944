//! Whether FreeRADIUS answers as it should, judged by the last test log-ins.
//!
//! Pure: the caller passes the time.

use chrono::{DateTime, Utc};
use strum::{IntoStaticStr, VariantArray};

/// Failures in a row that count as trouble; a single one may be a restart. Each is a request that was
/// sent several times.
const IN_A_ROW: u32 = 2;

/// The result of a test log-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum VoucherTestResult {
    /// FreeRADIUS lets the voucher in.
    Accepted,
    /// It does not.
    Refused,
    /// No answer came.
    NoAnswer,
    /// The answer has no valid Message-Authenticator, or another secret.
    Unsealed,
}

/// What is wrong with FreeRADIUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RadiusTrouble {
    /// It does not answer.
    NoAnswer,
    /// Its answers have no valid Message-Authenticator.
    Unsealed,
}

/// The failures since FreeRADIUS last answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct RadiusHealth {
    failures: u32,
    last: Option<RadiusTrouble>,
    since: Option<DateTime<Utc>>,
}

impl RadiusHealth {
    /// Takes in the result of a log-in.
    pub fn learn(&mut self, result: VoucherTestResult, now: DateTime<Utc>) {
        let trouble = match result {
            // A refusal is an answer too.
            VoucherTestResult::Accepted | VoucherTestResult::Refused => {
                *self = Self::default();
                return;
            }
            VoucherTestResult::NoAnswer => RadiusTrouble::NoAnswer,
            VoucherTestResult::Unsealed => RadiusTrouble::Unsealed,
        };
        self.failures = self.failures.saturating_add(1);
        self.last = Some(trouble);
        self.since.get_or_insert(now);
    }

    /// What is wrong, and since when; `None` if nothing is known to be.
    pub fn trouble(&self) -> Option<(RadiusTrouble, DateTime<Utc>)> {
        let trouble = self.last.zip(self.since);
        trouble.filter(|_| self.failures >= IN_A_ROW)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn one_failure_is_no_trouble_and_two_in_a_row_are_until_there_is_an_answer() {
        let start: DateTime<Utc> = "2026-11-24T09:00:00Z".parse().unwrap();
        let mut health = RadiusHealth::default();
        let mut learn = |secs, result| {
            health.learn(result, start + TimeDelta::seconds(secs));
            health.trouble()
        };

        assert_eq!(learn(0, VoucherTestResult::NoAnswer), None);
        assert_eq!(learn(10, VoucherTestResult::Accepted), None);
        assert_eq!(learn(20, VoucherTestResult::NoAnswer), None);
        let since = start + TimeDelta::seconds(20);
        let silent = Some((RadiusTrouble::NoAnswer, since));
        assert_eq!(learn(30, VoucherTestResult::NoAnswer), silent);
        let unsealed = Some((RadiusTrouble::Unsealed, since));
        assert_eq!(learn(40, VoucherTestResult::Unsealed), unsealed);
        assert_eq!(learn(50, VoucherTestResult::Refused), None);
    }
}
