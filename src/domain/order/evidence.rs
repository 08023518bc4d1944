//! What we know about a payment, from any source. It is trusted: proofs are checked before.

use chrono::{DateTime, TimeDelta, Utc};
use strum::IntoStaticStr;

use super::ReportedAmount;
use crate::domain::access::Usage;
use crate::domain::catalog::{CURRENCY, Tzs};
use crate::domain::people::Personal;

/// The meaning of ZenoPay's word for a payment. Words are compared whole: `UNPAID` contains `PAID`
/// and is not paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportedStatus {
    /// The money has moved.
    Paid,
    /// The money will not move.
    Failed,
    /// The guest cancelled.
    Cancelled,
    /// Not decided yet.
    InProgress,
    /// Any other word: kept, alerted, and nothing is concluded from it.
    Unknown,
}

impl ReportedStatus {
    /// Reads the word, trimmed and in any case.
    pub fn read(text: &str) -> Self {
        match text.trim().to_ascii_uppercase().as_str() {
            "COMPLETED" | "SUCCESS" | "SUCCESSFUL" | "PAID" => Self::Paid,
            "FAILED"
            | "REJECTED"
            | "DECLINED"
            | "ERROR"
            | "INSUFFICIENT_BALANCE"
            | "INSUFFICIENT_FUNDS"
            | "INVALID_PIN" => Self::Failed,
            "CANCELLED" | "USERCANCELLED" | "USER_CANCELLED" => Self::Cancelled,
            "PENDING" | "INPROGRESS" | "PROCESSING" => Self::InProgress,
            _ => Self::Unknown,
        }
    }
}

/// What ZenoPay reports about one payment, by webhook or by order-status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayReport {
    /// What it means.
    pub word: ReportedStatus,
    /// As it was sent, for the journal.
    pub raw_word: String,
    /// What was paid; the documented webhook does not carry it.
    pub amount: ReportedAmount,
    /// ISO 4217, upper case; absent means TZS.
    pub currency: Option<String>,
    /// ZenoPay's own number for the payment.
    pub reference: Option<String>,
    /// The operator's (M-Pesa, Tigo Pesa …) number for the payment.
    pub transid: Option<String>,
    /// As in `MPESA-TZ`.
    pub channel: Option<String>,
    /// The phone that paid.
    pub payer_msisdn: Option<Personal>,
}

impl GatewayReport {
    /// The currency, if it is not shillings.
    pub fn foreign_currency(&self) -> Option<&str> {
        self.currency.as_deref().filter(|code| *code != CURRENCY)
    }

    /// What was paid, if the report names it in whole shillings.
    pub fn paid_amount(&self) -> Option<Tzs> {
        let amount = self.amount.whole();
        amount.filter(|_| self.foreign_currency().is_none())
    }

    /// Whether a webhook with this report needs a status check, because its amount cannot be read.
    pub fn needs_confirmation(&self) -> bool {
        self.word == ReportedStatus::Paid && matches!(self.amount, ReportedAmount::Unreadable(_))
    }
}

/// What an operator decides about an order or its voucher. Its word is the action in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum OrderAct {
    /// A held order is completed after all.
    Release,
    /// A held order is not completed; the shop pays the money back.
    Refuse,
    /// The shop has paid back the money of a completed order.
    Refund,
    /// The voucher of a completed order must not work any more.
    Revoke,
}

/// How often an owner may have a code replaced within [`REISSUE_WINDOW`].
pub const REISSUES_PER_DAY: u32 = 3;

/// For how long a replaced code counts against [`REISSUES_PER_DAY`].
pub const REISSUE_WINDOW: TimeDelta = TimeDelta::days(1);

/// The party that requests a new code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReissuedBy {
    /// The phone that paid, by the link in its SMS.
    Owner,
    /// An admin, by hand. Not limited: a guest whose three a day are used up asks the staff.
    Operator,
}

/// A request for a new code, and what is known of the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReissueInput {
    /// The party that requests it.
    pub by: ReissuedBy,
    /// The version that the requester saw. A second click sends the same one.
    pub seen: i32,
    /// How much of the voucher is used.
    pub usage: Usage,
    /// How often its code was replaced.
    pub replaced: ReissueCount,
}

/// How often the code of an order was replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReissueCount {
    /// In all.
    pub total: u32,
    /// In the last day.
    pub last_day: u32,
    /// When the limit of a day was reached: the owner may have another code a day later.
    pub full_at: Option<DateTime<Utc>>,
}

impl ReissueCount {
    /// Whether the limit of a day is reached.
    pub fn is_at_limit(self) -> bool {
        self.last_day >= REISSUES_PER_DAY
    }
}

/// Everything that can change an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A proven webhook.
    Gateway(GatewayReport),
    /// The answer of a status check. Unlike a webhook it also confirms a sale.
    OrderStatus(GatewayReport),
    /// ZenoPay refused to push, in its own words: the guest's phone never rang.
    PushRefused(String),
    /// A time-out or a 5xx: it is not known whether the phone rings.
    PushUnknown,
    /// A status check for a webhook had no answer.
    Unconfirmed,
    /// Status checks over days have not confirmed a sale.
    NeverConfirmed,
    /// The order is older than `orders.expire_after_secs`.
    Deadline,
    /// The guest who bought gives the order up, because its number or package was wrong.
    LetGo,
    /// An operator acts, for this reason.
    Operator(OrderAct, Personal),
    /// The owner, or an operator, requests a new code for the voucher.
    Reissue(ReissueInput),
}

impl Evidence {
    /// Whether a status check has not said "paid".
    pub fn is_unconfirmed(&self) -> bool {
        matches!(self, Self::Unconfirmed)
            || matches!(self, Self::OrderStatus(report) if report.word != ReportedStatus::Paid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_whole_trimmed_and_in_any_case() {
        for (text, word) in [
            (" completed ", ReportedStatus::Paid),
            ("Successful", ReportedStatus::Paid),
            ("UNPAID", ReportedStatus::Unknown),
            ("NOT COMPLETED", ReportedStatus::Unknown),
            ("", ReportedStatus::Unknown),
            ("USERCANCELLED", ReportedStatus::Cancelled),
            ("insufficient_funds", ReportedStatus::Failed),
            ("InProgress", ReportedStatus::InProgress),
        ] {
            assert_eq!(ReportedStatus::read(text), word, "{text:?}");
        }
    }
}
