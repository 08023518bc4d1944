//! What can be wrong with an order, in words for the shop's owner.

use std::fmt;

use crate::domain::order::ids::OrderId;

/// Something of which every order has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// The bill.
    Invoice,
    /// The code.
    Voucher,
    /// What lets the guest in.
    RadiusUser,
    /// The text that tells the code.
    Sms,
    /// The delivery that sold, in the journal.
    WinningWebhook,
}

/// One way to be not exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None of something, or more than one.
    NotOne {
        /// Of what.
        thing: Thing,
        /// How many there are.
        count: usize,
    },
    /// More than one delivery was told that it sold.
    SoldTwice {
        /// How many.
        times: usize,
    },
    /// The status page shows nothing.
    NotShown,
    /// Paid, and not COMPLETED.
    NotSold {
        /// What is shown instead.
        status: String,
    },
    /// COMPLETED without a code.
    ShownWithoutCode,
    /// The database does not know the order.
    NotInBooks,
    /// The waiting guest never heard COMPLETED.
    NeverTold,
    /// The waiting guest was shown a version, and later a lower one.
    WentBack {
        /// The version first.
        from: i64,
        /// The version then.
        to: i64,
    },
    /// The waiting guest heard COMPLETED without a code.
    ToldWithoutCode,
    /// The waiting guest heard another code than the status page shows.
    ToldAnotherCode,
    /// The waiting guest heard another code than is in the database.
    ToldWhatIsNotBooked,
    /// The status page shows another code than is in the database.
    BookedAnotherCode,
    /// A text to the guest names another code than the order's, or none.
    SmsWithoutCode,
    /// Acknowledged, and not in the journal.
    NotJournalled {
        /// How many deliveries.
        missing: usize,
    },
    /// A delivery was answered neither 200 nor 503.
    Refused {
        /// What it said.
        word: &'static str,
        /// As in 401.
        status: u16,
        /// The problem's code.
        code: String,
    },
    /// A delivery was never answered but by 503.
    NeverAcknowledged {
        /// What it said.
        word: &'static str,
    },
    /// Another order has the same voucher code.
    SharesCode {
        /// Which.
        with: OrderId,
    },
    /// Another order has the same invoice number.
    SharesInvoiceNumber {
        /// Which.
        with: OrderId,
    },
}

/// Who is hurt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// The shop: something was given twice.
    Doubled,
    /// The guest: paid, and something is missing.
    Lost,
    /// Neither, as yet.
    Other,
}

impl Thing {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Invoice => ("invoice", "invoices"),
            Self::Voucher => ("voucher", "vouchers"),
            Self::RadiusUser => ("RADIUS user", "RADIUS users"),
            Self::Sms => ("SMS", "SMS"),
            Self::WinningWebhook => (
                "webhook in the journal that made the sale",
                "webhooks in the journal that made the sale",
            ),
        }
    }
}

impl Fault {
    /// One word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotOne { thing, count } => match (thing, count) {
                (Thing::Invoice, 0) => "no_invoice",
                (Thing::Invoice, _) => "several_invoices",
                (Thing::Voucher, 0) => "no_voucher",
                (Thing::Voucher, _) => "several_vouchers",
                (Thing::RadiusUser, 0) => "no_radius_user",
                (Thing::RadiusUser, _) => "several_radius_users",
                (Thing::Sms, 0) => "no_sms",
                (Thing::Sms, _) => "several_sms",
                (Thing::WinningWebhook, 0) => "no_winning_webhook",
                (Thing::WinningWebhook, _) => "several_winning_webhooks",
            },
            Self::SoldTwice { .. } => "sold_twice",
            Self::NotShown => "not_shown",
            Self::NotSold { .. } => "not_sold",
            Self::ShownWithoutCode => "shown_without_code",
            Self::NotInBooks => "not_in_books",
            Self::NeverTold => "never_told",
            Self::WentBack { .. } => "went_back",
            Self::ToldWithoutCode => "told_without_code",
            Self::ToldAnotherCode => "told_another_code",
            Self::ToldWhatIsNotBooked => "told_what_is_not_booked",
            Self::BookedAnotherCode => "booked_another_code",
            Self::SmsWithoutCode => "sms_without_code",
            Self::NotJournalled { .. } => "not_journalled",
            Self::Refused { .. } => "refused",
            Self::NeverAcknowledged { .. } => "never_acknowledged",
            Self::SharesCode { .. } => "shares_code",
            Self::SharesInvoiceNumber { .. } => "shares_invoice_number",
        }
    }

    /// Who is hurt.
    pub fn harm(&self) -> Harm {
        match self {
            Self::NotOne { count: 0, .. }
            | Self::NotShown
            | Self::NotSold { .. }
            | Self::ShownWithoutCode
            | Self::NotInBooks => Harm::Lost,
            Self::NotOne { .. }
            | Self::SoldTwice { .. }
            | Self::SharesCode { .. }
            | Self::SharesInvoiceNumber { .. } => Harm::Doubled,
            Self::NeverTold
            | Self::WentBack { .. }
            | Self::ToldWithoutCode
            | Self::ToldAnotherCode
            | Self::ToldWhatIsNotBooked
            | Self::BookedAnotherCode
            | Self::SmsWithoutCode
            | Self::NotJournalled { .. }
            | Self::Refused { .. }
            | Self::NeverAcknowledged { .. } => Harm::Other,
        }
    }
}

/// A sentence whose subject is the order.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOne { thing, count: 0 } => write!(f, "has no {}.", thing.names().0),
            Self::NotOne { thing, count } => {
                write!(f, "has {count} {} instead of one.", thing.names().1)
            }
            Self::SoldTwice { times } => write!(
                f,
                "was sold {times} times: so many webhooks were told that they made the sale."
            ),
            Self::NotShown => f.write_str("was paid, and its status page shows nothing."),
            Self::NotSold { status } => write!(f, "was paid, and its status page says {status}."),
            Self::ShownWithoutCode => {
                f.write_str("is COMPLETED, and its status page shows no voucher code.")
            }
            Self::NotInBooks => f.write_str("is not in the database."),
            Self::NeverTold => {
                f.write_str("has a guest who waited and was never told that it is paid.")
            }
            Self::WentBack { from, to } => write!(
                f,
                "has a guest who was shown version {from} and then version {to}."
            ),
            Self::ToldWithoutCode => {
                f.write_str("has a guest who was told that it is paid, without a voucher code.")
            }
            Self::ToldAnotherCode => f.write_str(
                "has a guest who was told another voucher code than the status page shows.",
            ),
            Self::ToldWhatIsNotBooked => f.write_str(
                "has a guest who was told another voucher code than the database holds.",
            ),
            Self::BookedAnotherCode => {
                f.write_str("shows another voucher code than the database holds.")
            }
            Self::SmsWithoutCode => f.write_str("has an SMS without its voucher code."),
            Self::NotJournalled { missing: 1 } => {
                f.write_str("has 1 webhook that was acknowledged and is not in the journal.")
            }
            Self::NotJournalled { missing } => write!(
                f,
                "has {missing} webhooks that were acknowledged and are not in the journal."
            ),
            Self::Refused { word, status, code } => write!(
                f,
                "has a webhook ({word}) that was refused: {status} {code}."
            ),
            Self::NeverAcknowledged { word } => write!(
                f,
                "has a webhook ({word}) that was never acknowledged, however often it was sent."
            ),
            Self::SharesCode { with } => write!(f, "has the same voucher code as order {with}."),
            Self::SharesInvoiceNumber { with } => {
                write!(f, "has the same invoice number as order {with}.")
            }
        }
    }
}
