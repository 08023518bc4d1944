//! An order's payment: its row, its status and its money.

use chrono::{DateTime, Utc};
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::{FailureReason, GatewayReport, OrderId, ReportedAmount};
use crate::domain::access::{DeviceMac, OwnerToken, Voucher};
use crate::domain::catalog::{Terms, Tzs};
use crate::domain::people::{Language, Personal, Phone, Secret};

/// The status of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "UPPERCASE", const_into_str)]
pub enum Status {
    /// Not paid yet, as far as we know.
    Pending,
    /// Paid and delivered: voucher and RADIUS user are committed.
    Completed,
    /// ZenoPay reported a failure. Late money still wins.
    Failed,
    /// The guest cancelled. Late money still wins.
    Cancelled,
    /// Not paid in time. Its status is still checked; late money wins.
    Expired,
    /// Money came that does not fit the price; an operator decides.
    Held,
    /// The shop has paid the money back.
    Refunded,
}

impl Status {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Reads the stored word; `None` for any other.
    pub fn read(word: &str) -> Option<Self> {
        word.parse().ok()
    }

    /// Whether the schedule still checks every such order, because money may come. A FAILED order is not
    /// checked, although a late payment completes it too; for a CANCELLED one see
    /// [`Payment::awaits_money`].
    fn awaits_money(self) -> bool {
        match self {
            Self::Pending | Self::Expired => true,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Held | Self::Refunded => false,
        }
    }

    /// Whether only an operator or a reissue can still change it.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Completed | Self::Refunded => true,
            Self::Pending | Self::Failed | Self::Cancelled | Self::Expired | Self::Held => false,
        }
    }

    /// Whether it has ended without money. A late payment still changes it.
    pub fn ended_unpaid(self) -> bool {
        match self {
            Self::Failed | Self::Cancelled | Self::Expired => true,
            Self::Pending | Self::Held | Self::Completed | Self::Refunded => false,
        }
    }

    /// Whether a poll stops waiting: all but PENDING and HELD. FAILED, CANCELLED and EXPIRED end a poll
    /// but may still change.
    pub fn ends_poll(self) -> bool {
        match self {
            Self::Pending | Self::Held => false,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Expired | Self::Refunded => {
                true
            }
        }
    }
}

/// What ZenoPay has reported about the money, kept for disputes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayFacts {
    /// What was paid, if it was reported in whole shillings.
    pub paid_amount: Option<Tzs>,
    /// ZenoPay's number for the payment.
    pub reference: Option<String>,
    /// The mobile-money operator's number for the payment.
    pub transid: Option<String>,
    /// As in `MPESA-TZ`.
    pub channel: Option<String>,
    /// The phone that paid.
    pub payer_msisdn: Option<Personal>,
}

impl GatewayFacts {
    fn of(report: &GatewayReport) -> Self {
        Self {
            paid_amount: report.paid_amount(),
            reference: report.reference.clone(),
            transid: report.transid.clone(),
            channel: report.channel.clone(),
            payer_msisdn: report.payer_msisdn.clone(),
        }
    }

    /// Fills in what is not known here.
    fn or(self, other: Self) -> Self {
        Self {
            paid_amount: self.paid_amount.or(other.paid_amount),
            reference: self.reference.or(other.reference),
            transid: self.transid.or(other.transid),
            channel: self.channel.or(other.channel),
            payer_msisdn: self.payer_msisdn.or(other.payer_msisdn),
        }
    }

    /// Overwrites what a report mentions, and keeps the rest.
    #[must_use]
    pub fn updated_by(&self, report: &GatewayReport) -> Self {
        Self::of(report).or(self.clone())
    }

    /// Fills in from a report what is not known, and keeps the rest.
    #[must_use]
    pub fn completed_by(&self, report: &GatewayReport) -> Self {
        self.clone().or(Self::of(report))
    }
}

/// The amount paid compared with the price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tender {
    /// The price, or no amount was reported.
    Exact,
    /// More than the price, by this much.
    Over(Tzs),
    /// Less than the price, by this much.
    Short(Tzs),
    /// Not shillings.
    Foreign(String),
    /// An amount that cannot be read, as it was sent.
    Unreadable(String),
}

/// One order: its row, its money state and, when sold, its voucher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The row's number; the invoice number is made of it.
    pub id: i64,
    /// The order's public name.
    pub order_id: OrderId,
    /// Its status.
    pub status: Status,
    /// Starts at 1 and rises with each committed change of what the status document shows.
    pub version: i32,
    /// The phone that pays.
    pub phone: Phone,
    /// The customer's name, if given.
    pub customer_name: Option<Personal>,
    /// The device that it was bought from, if the router named it.
    pub device: Option<DeviceMac>,
    /// The language of the SMS.
    pub language: Language,
    /// The package's number.
    pub package_id: i64,
    /// What was sold, copied from the package when the order was made.
    pub terms: Terms,
    /// Our price when the order was made.
    pub amount: Tzs,
    /// The random part of this order's webhook URL.
    pub webhook_secret: Secret,
    /// The secret part of the link in the SMS; `None` for orders that were made before links had one.
    pub owner_token: Option<OwnerToken>,
    /// What ZenoPay has reported.
    pub gateway: GatewayFacts,
    /// Why it is not sold, or why the money goes back.
    pub failure_reason: Option<FailureReason>,
    /// What the gateway wrote when it refused, as it was sent. For admins alone: it is free text.
    pub gateway_word: Option<String>,
    /// The reason that an operator typed for a refund or a refusal. For admins alone.
    pub operator_reason: Option<Personal>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When PENDING becomes EXPIRED.
    pub deadline_at: DateTime<Utc>,
    /// When its status is checked next; `None`: not at all.
    pub due_at: Option<DateTime<Utc>>,
    /// When we learned that it was paid.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When the sale was made.
    pub processed_at: Option<DateTime<Utc>>,
    /// When a status check confirmed that it was paid.
    pub gateway_confirmed_at: Option<DateTime<Utc>>,
    /// When an operator recorded that the money went back.
    pub refunded_at: Option<DateTime<Utc>>,
    /// When the voucher's code was last replaced. Since then only the owner link shows the code.
    pub reissued_at: Option<DateTime<Utc>>,
    /// The voucher, once sold.
    pub voucher: Option<Voucher>,
}

impl Payment {
    /// Compares what a report says was paid with our price.
    pub fn tender(&self, report: &GatewayReport) -> Tender {
        if let Some(currency) = report.foreign_currency() {
            return Tender::Foreign(currency.to_owned());
        }
        match &report.amount {
            ReportedAmount::Whole(paid) if *paid > self.amount => {
                Tender::Over(Tzs(paid.0 - self.amount.0))
            }
            ReportedAmount::Whole(paid) if *paid < self.amount => {
                Tender::Short(Tzs(self.amount.0 - paid.0))
            }
            ReportedAmount::Whole(_) | ReportedAmount::Absent => Tender::Exact,
            ReportedAmount::Unreadable(sent) => Tender::Unreadable(sent.clone()),
        }
    }

    /// Whether the guest gave it up. ZenoPay was not told, so the phone may still be ringing. If
    /// ZenoPay reports that an order was cancelled, its word is stored.
    pub fn was_let_go(&self) -> bool {
        self.status == Status::Cancelled && self.gateway_word.is_none()
    }

    /// Whether the schedule still checks it, because money may come.
    pub fn awaits_money(&self) -> bool {
        self.status.awaits_money() || self.was_let_go()
    }

    /// The amount paid, for a paid order: the price if no amount was reported.
    pub fn amount_received(&self) -> Tzs {
        self.gateway.paid_amount.unwrap_or(self.amount)
    }

    /// Whether there was ever a sale. A held order that was refused is REFUNDED without one.
    pub fn was_sold(&self) -> bool {
        self.processed_at.is_some()
    }

    /// Whether it is sold, and no status check has confirmed yet that it was paid.
    pub fn awaits_confirmation(&self) -> bool {
        self.status == Status::Completed && self.gateway_confirmed_at.is_none()
    }

    /// The known reference and the one in a report, if they differ: a second payment.
    pub fn other_reference<'a>(&'a self, report: &'a GatewayReport) -> Option<(&'a str, &'a str)> {
        let known = self.gateway.reference.as_deref()?;
        let new = report.reference.as_deref()?;
        (known != new).then_some((known, new))
    }

    /// The same order one version later.
    #[must_use]
    pub fn next(&self, status: Status) -> Self {
        Self {
            status,
            version: self.version + 1,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_may_stop_at_every_status_but_pending_and_held() {
        let waiting: Vec<_> = Status::ALL
            .iter()
            .copied()
            .filter(|status| !status.ends_poll())
            .collect();

        assert_eq!(waiting, [Status::Pending, Status::Held]);
    }
}
