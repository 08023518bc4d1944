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

/// Why FreeRADIUS refuses a sold voucher, as far as its Reply-Message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum RefusalReason {
    /// It accepts the code only as it is printed, and not as guests type it.
    OnlyAsPrinted,
    /// Its time is over.
    TimeOver,
    /// Its data is used up.
    DataUsedUp,
    /// FreeRADIUS cannot read the database.
    NotChecked,
    /// Anything else.
    Other,
}

impl RefusalReason {
    /// Reads a Reply-Message of `deploy/freeradius/radiusd.conf`, or [`ONLY_AS_PRINTED`].
    pub fn of(message: &str) -> Self {
        let says = |part: &str| message.contains(part);
        if says(ONLY_AS_PRINTED) {
            Self::OnlyAsPrinted
        } else if says("The time of this voucher is over") {
            Self::TimeOver
        } else if says("The data of this voucher is used up") {
            Self::DataUsedUp
        } else if says("Vouchers cannot be checked") {
            Self::NotChecked
        } else {
            Self::Other
        }
    }
}

/// The reason if only the printed spelling of a code is accepted.
pub const ONLY_AS_PRINTED: &str = "it is accepted only as printed, and not as guests type it";

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
    fn each_message_of_the_shipped_configuration_has_its_reason() {
        let shipped = include_str!("../../../deploy/freeradius/radiusd.conf");
        let messages = shipped.split("&Reply-Message := \"").skip(1);
        let reasons = messages.map(|rest| RefusalReason::of(rest.split('"').next().unwrap()));

        let reasons: Vec<_> = reasons.collect();

        for reason in RefusalReason::VARIANTS {
            let is_ours = *reason == RefusalReason::OnlyAsPrinted;
            assert!(is_ours || reasons.contains(reason), "{reason:?}");
        }
        let printed = RefusalReason::of(ONLY_AS_PRINTED);
        assert_eq!(printed, RefusalReason::OnlyAsPrinted);
    }

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
