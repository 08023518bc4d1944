//! What can be wrong with an order, in sentences for the shop's owner.

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::domain::order::OrderId;

/// One thing that is wrong with one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which order.
    pub order_id: OrderId,
    /// What is wrong.
    pub fault: Fault,
}

impl Serialize for Violation {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { order_id, fault } = self;
        let sentence = fault.to_string();
        json!({"order_id": order_id, "code": fault.code(), "sentence": sentence}).serialize(to)
    }
}

/// Something of which every order has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// The bill.
    Invoice,
    /// The code.
    Voucher,
    /// The rows for which FreeRADIUS accepts the code.
    RadiusUser,
    /// The message with the code.
    Sms,
    /// The delivery that sold, in the journal.
    WinningWebhook,
}

/// One way in which an order is not sold exactly once: a sentence whose subject is the order. The
/// polls are those of the guest who waited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Fault {
    /// None of something, or more than one.
    #[error("{}", not_one(*thing, *count))]
    NotOne {
        /// Of what.
        thing: Thing,
        /// How many there are.
        count: usize,
    },
    /// More than one delivery was answered that it made the sale.
    #[error("was sold {0} times: the answers to {0} webhooks say that they made the sale.")]
    SoldTwice(usize),
    /// The status page shows nothing.
    #[error("was paid, and its status page shows nothing.")]
    NotShown,
    /// Paid, and the status page shows this instead of COMPLETED.
    #[error("was paid, and its status page says {0}.")]
    NotSold(String),
    /// COMPLETED without a code.
    #[error("is COMPLETED, and its status page shows no voucher code.")]
    ShownWithoutCode,
    /// The database does not have the order.
    #[error("is not in the database.")]
    NotInDatabase,
    /// No poll was answered COMPLETED.
    #[error("was paid, and the waiting guest was never notified.")]
    NeverNotified,
    /// A poll was answered with the first version, and a later one with the second, which is lower.
    #[error("showed the waiting guest version {0} and then version {1}.")]
    WentBack(i64, i64),
    /// A poll was answered COMPLETED, without a code.
    #[error("showed the waiting guest that it is paid, without a voucher code.")]
    PolledWithoutCode,
    /// A poll was answered with another code than the status page shows.
    #[error("showed the waiting guest another voucher code than its status page shows.")]
    PolledOtherThanShown,
    /// A poll was answered with another code than is in the database.
    #[error("showed the waiting guest another voucher code than the database has.")]
    PolledOtherThanStored,
    /// The status page shows another code than is in the database.
    #[error("shows another voucher code than the database has.")]
    ShownOtherThanStored,
    /// An SMS to the guest has another code than the order's, or none.
    #[error("has an SMS without its voucher code.")]
    SmsWithoutCode,
    /// This number of deliveries is acknowledged and not in the journal.
    #[error("has {0} acknowledged webhook(s) that are not in the journal.")]
    NotJournalled(usize),
    /// A delivery was answered neither 200 nor 503.
    #[error("has a webhook ({word}) that was refused: {status} {code}.")]
    Refused {
        /// The word that it reported.
        word: &'static str,
        /// As in 401.
        status: u16,
        /// The problem's code.
        code: String,
    },
    /// A delivery with this word was only answered by 503.
    #[error("has a webhook ({0}) that was never acknowledged, however often it was sent.")]
    NeverAcknowledged(&'static str),
    /// This other order has the same voucher code.
    #[error("has the same voucher code as order {0}.")]
    SharesCode(OrderId),
    /// This other order has the same invoice number.
    #[error("has the same invoice number as order {0}.")]
    SharesInvoiceNumber(OrderId),
}

/// The party that a fault harms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// The shop: something was given twice.
    Doubled,
    /// The guest: paid, and something is missing.
    Lost,
    /// Neither.
    Other,
}

impl Thing {
    /// Its name for one and for several, and the codes ([`Fault::code`]) of none and of several.
    #[rustfmt::skip] // A table is read by its columns.
    fn names(self) -> [&'static str; 4] {
        match self {
            Self::Invoice => ["invoice", "invoices", "no_invoice", "several_invoices"],
            Self::Voucher => ["voucher", "vouchers", "no_voucher", "several_vouchers"],
            Self::RadiusUser => ["RADIUS user", "RADIUS users", "no_radius_user", "several_radius_users"],
            Self::Sms => ["SMS", "SMS", "no_sms", "several_sms"],
            Self::WinningWebhook => [
                "webhook in the journal that made the sale", "webhooks in the journal that made the sale",
                "no_winning_webhook", "several_winning_webhooks",
            ],
        }
    }
}

impl Fault {
    /// The fault's name in the JSON report.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotOne { thing, count: 0 } => thing.names()[2],
            Self::NotOne { thing, .. } => thing.names()[3],
            other => other.into(),
        }
    }

    /// The party that it harms.
    pub fn harm(&self) -> Harm {
        match self {
            Self::NotOne { count: 0, .. }
            | Self::NotShown
            | Self::NotSold(_)
            | Self::ShownWithoutCode
            | Self::NotInDatabase => Harm::Lost,
            Self::NotOne { .. }
            | Self::SoldTwice(_)
            | Self::SharesCode(_)
            | Self::SharesInvoiceNumber(_) => Harm::Doubled,
            Self::NeverNotified
            | Self::WentBack(..)
            | Self::PolledWithoutCode
            | Self::PolledOtherThanShown
            | Self::PolledOtherThanStored
            | Self::ShownOtherThanStored
            | Self::SmsWithoutCode
            | Self::NotJournalled(_)
            | Self::Refused { .. }
            | Self::NeverAcknowledged(_) => Harm::Other,
        }
    }
}

fn not_one(thing: Thing, count: usize) -> String {
    let [one, several, ..] = thing.names();
    match count {
        0 => format!("has no {one}."),
        _ => format!("has {count} {several} instead of one."),
    }
}
