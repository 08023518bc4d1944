//! What we know about a payment, whoever told us. Proof is settled before: evidence is
//! believed.

use super::money::Tzs;
use super::personal::Personal;
use super::replacement::Wish;

/// What ZenoPay's word for a payment means. Words are compared whole: `UNPAID` contains
/// `PAID` and is not paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The money has moved.
    Paid,
    /// The money will not move.
    Failed,
    /// The guest said no.
    Cancelled,
    /// Not decided yet.
    InProgress,
    /// A word that we have never seen: kept, alerted, and nothing is concluded from it.
    Unknown,
}

impl Word {
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

/// What ZenoPay says about one payment, by webhook or by order-status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayReport {
    /// What it means.
    pub word: Word,
    /// As it was sent, for the journal.
    pub raw_word: String,
    /// Whole shillings; the documented webhook does not carry it.
    pub amount: Option<Tzs>,
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

/// What an operator decides about an order or its voucher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorAct {
    /// A held order is completed after all.
    Release {
        /// Why, in the operator's words.
        reason: String,
    },
    /// A held order is not completed; the owner pays back.
    Refuse {
        /// Why, in the operator's words.
        reason: String,
    },
    /// The owner has paid back a completed order.
    Refund {
        /// Why, in the operator's words.
        reason: String,
    },
    /// The voucher of a completed order must not let in any more.
    Revoke {
        /// Why, in the operator's words.
        reason: String,
    },
}

/// Everything that can move an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// ZenoPay says so by itself, in a delivery.
    Gateway(GatewayReport),
    /// ZenoPay says so because it was asked: the same, and it confirms a sale.
    OrderStatus(GatewayReport),
    /// ZenoPay refused to push: the guest's phone never rang.
    PushRefused {
        /// In ZenoPay's words.
        reason: String,
    },
    /// A time-out or a 5xx: the phone may ring or not.
    PushUnknown,
    /// ZenoPay was asked about a delivery and gave no answer.
    Unconfirmed,
    /// ZenoPay was asked about a sale for days and never said that it was paid.
    NeverConfirmed,
    /// The order is older than `orders.expire_after_secs`.
    Deadline,
    /// An operator acts.
    Operator(OperatorAct),
    /// The owner, or an operator, wants a new code for the voucher.
    NewCode(Wish),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_whole_trimmed_and_in_any_case() {
        for (text, word) in [
            (" completed ", Word::Paid),
            ("Successful", Word::Paid),
            ("UNPAID", Word::Unknown),
            ("NOT COMPLETED", Word::Unknown),
            ("", Word::Unknown),
            ("USERCANCELLED", Word::Cancelled),
            ("insufficient_funds", Word::Failed),
            ("InProgress", Word::InProgress),
        ] {
            assert_eq!(Word::read(text), word, "{text:?}");
        }
    }
}
