//! One order, whatever became of it: look at your phone, the code, or why not.

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use super::format;
use super::frame::Frame;
use super::shop_front::Notice;
use super::text::{Text, fill};
use crate::domain::access::owner_link::OwnerToken;
use crate::domain::order::failure::FailureReason;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::order::reissue::MayReissue;
use crate::domain::people::phone::Phone;

/// The page of one order.
#[derive(Template)]
#[template(path = "order.html")]
pub struct OrderPage<'a> {
    frame: Frame<'a>,
    payment: &'a Payment,
    look: Look<'a>,
    tone: Tone,
    title: &'static str,
    lead: String,
    /// The prompt has been open for so long that another attempt is offered.
    is_late: bool,
}

/// How the page looks: its class in the style sheet.
#[derive(Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
enum Tone {
    Wait,
    Good,
    Bad,
    Calm,
}

/// The code, and what to do with it.
struct CodeView {
    code: String,
    /// Letter by letter, for a screen reader.
    spelled: String,
    validity: String,
    connect: Option<String>,
}

/// Another attempt with the same phone and package.
struct Retry {
    action: String,
    /// Whether the page asks for it. Not while money may be on its way.
    is_urged: bool,
    label: &'static str,
    note: String,
}

/// How the page came to be drawn.
pub struct Look<'a> {
    /// How the guest came to it.
    pub door: LinkKind<'a>,
    /// The page is drawn at this moment.
    pub now: DateTime<Utc>,
    /// How long a prompt is taken to be open.
    pub resume: TimeDelta,
    /// Names the next attempt, should there be one.
    pub key: String,
    /// There was no seat to wait on: come back later.
    pub is_crowded: bool,
    /// Why the guest sees the page again.
    pub notice: Option<Notice>,
}

/// By which link the guest came to the page.
#[derive(Clone, Copy)]
pub enum LinkKind<'a> {
    /// By the order id, which the browser that bought has.
    OrderId,
    /// By the link in the SMS, which the phone that paid has.
    OwnerLink(&'a OwnerToken),
}

impl LinkKind<'_> {
    /// The address of the page.
    pub fn path(&self, payment: &Payment) -> String {
        match self {
            Self::OrderId => format!("/order/{}", payment.order_id),
            Self::OwnerLink(token) => format!("/v/{}", token.expose()),
        }
    }

    /// Whether the page shows the code. Once it was replaced the phone that paid has the last word,
    /// for another one may have bought.
    fn shows_code(&self, payment: &Payment) -> bool {
        match self {
            Self::OrderId => payment.reissued_at.is_none(),
            Self::OwnerLink(_) => true,
        }
    }
}

impl<'a> OrderPage<'a> {
    /// The page of this order as it is at `look.now`.
    pub fn new(frame: Frame<'a>, payment: &'a Payment, look: Look<'a>) -> Self {
        let (tone, title, lead) = summary(&frame, payment, &look);
        let is_pending = payment.status == Status::Pending;
        Self {
            tone,
            title,
            lead,
            is_late: is_pending && look.now - payment.created_at >= look.resume,
            frame,
            payment,
            look,
        }
    }

    /// Changes whenever the page says something else; the script compares it.
    fn state(&self) -> String {
        format!("{}.{}.{}", self.payment.version, self.tone, self.is_late)
    }

    /// Where the next look at this order waits for news, while there can be any.
    fn news_href(&self) -> Option<String> {
        // Late money wins over FAILED, CANCELLED and EXPIRED, so all of these are watched.
        match self.payment.status {
            Status::Completed | Status::Refunded => return None,
            Status::Pending
            | Status::Held
            | Status::Failed
            | Status::Cancelled
            | Status::Expired => {}
        }
        let (path, since) = (
            self.look.door.path(self.payment),
            self.payment.version.to_string(),
        );
        Some(self.frame.visit.link_with(&path, &[("since", &since)]))
    }

    /// Without a script, whether and after how many seconds the browser looks for news.
    fn refresh_secs(&self) -> Option<u8> {
        let waits = matches!(self.payment.status, Status::Pending | Status::Held);
        waits.then_some(if self.look.is_crowded { 3 } else { 1 })
    }

    /// What the guest does on the phone, while it rings.
    fn steps(&self) -> Vec<String> {
        if self.payment.status != Status::Pending {
            return Vec::new();
        }
        let blanks = [
            ("price", format::money(self.frame.text, self.payment.amount)),
            ("phone", format::masked(&self.payment.phone)),
        ];
        let blanks = blanks
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let steps = &self.frame.text.order.steps;
        steps.iter().map(|step| fill(step, &blanks)).collect()
    }

    fn code(&self) -> Option<CodeView> {
        let voucher = self.payment.voucher.as_ref()?;
        if self.tone != Tone::Good {
            return None;
        }
        let (text, code) = (self.frame.text, voucher.code.as_str());
        Some(CodeView {
            code: code.to_owned(),
            spelled: code.chars().map(|c| format!("{c} ")).collect(),
            validity: match voucher.expires_at {
                Some(at) => {
                    let until = format::until(at, self.frame.shop.timezone);
                    fill(&text.order.until, &[("until", &until)])
                }
                None => {
                    let lasts = format::duration(text, self.payment.terms.duration_minutes);
                    fill(&text.order.from_login, &[("duration", &lasts)])
                }
            },
            connect: self.frame.visit.connect(code),
        })
    }

    /// Where the owner asks for another code in the place of the one that is shown.
    fn reissue_href(&self) -> Option<String> {
        match (self.frame.shop.may_reissue, self.look.door) {
            (MayReissue::Owner, LinkKind::OwnerLink(_)) if self.tone == Tone::Good => {
                let path = format!("{}/reissue", self.look.door.path(self.payment));
                Some(self.frame.visit.link(&path))
            }
            _ => None,
        }
    }

    /// What a guest who came by the order id is told instead.
    fn reissue_hint(&self) -> Option<&'static str> {
        match (self.frame.shop.may_reissue, self.look.door) {
            (MayReissue::Owner, LinkKind::OrderId) if self.tone == Tone::Good => {
                // The SMS of an older order has no such link.
                let has_link = self.payment.owner_token.is_some();
                has_link.then_some(self.frame.text.order.new_code_by_sms.as_str())
            }
            _ => None,
        }
    }

    fn retry(&self) -> Option<Retry> {
        let order = &self.frame.text.order;
        let (label, is_urged) = match self.payment.status {
            Status::Pending if self.is_late => (&order.send_again, false),
            Status::Failed | Status::Cancelled => (&order.retry, true),
            Status::Expired => (&order.retry_unpaid, false),
            Status::Pending | Status::Completed | Status::Held | Status::Refunded => return None,
        };
        match self.look.door {
            LinkKind::OrderId => {}
            // The address of the form is the order id, which this page does not give away.
            LinkKind::OwnerLink(_) => return None,
        }
        // A customer who was forgotten has no phone any more that could ring.
        Phone::read(self.payment.phone.international()).ok()?;
        let phone = format::masked(&self.payment.phone);
        let path = format!("/order/{}/again", self.payment.order_id);
        Some(Retry {
            action: self.frame.visit.link(&path),
            is_urged,
            label,
            note: fill(&order.retry_phone, &[("phone", &phone)]),
        })
    }

    /// What leads back to the shop is called.
    fn shop_label(&self) -> Option<&'static str> {
        let order = &self.frame.text.order;
        match self.payment.status {
            Status::Pending => self.is_late.then_some(&order.change),
            Status::Failed | Status::Cancelled | Status::Expired => Some(&order.change),
            Status::Completed => match life(self.payment, self.look.now) {
                Life::Ended => Some(&order.buy_more),
                Life::Usable | Life::Revoked => None,
            },
            Status::Refunded => Some(&order.buy_more),
            Status::Held => None,
        }
        .map(String::as_str)
    }
}

/// How the page looks, its title, and what it says first.
fn summary(frame: &Frame, payment: &Payment, look: &Look<'_>) -> (Tone, &'static str, String) {
    let (text, order) = (frame.text, &frame.text.order);
    let price = format::money(text, payment.amount);
    match payment.status {
        Status::Pending => {
            // The owner knows it by this much. Another person with the link need not learn it.
            let phone = format::masked(&payment.phone);
            let lead = fill(&order.pending, &[("price", &price), ("phone", &phone)]);
            (Tone::Wait, &order.pending_title, lead)
        }
        Status::Completed => voucher_summary(frame, payment, look),
        Status::Failed => {
            let why = reason(text, payment.failure_reason);
            (Tone::Bad, &order.failed_title, why.to_owned())
        }
        Status::Cancelled => (Tone::Bad, &order.cancelled_title, order.cancelled.clone()),
        Status::Expired => (Tone::Bad, &order.expired_title, order.expired.clone()),
        Status::Held => {
            let lead = match payment.gateway.paid_amount {
                Some(paid) => {
                    let paid = format::money(text, paid);
                    fill(&order.held_paid, &[("paid", &paid), ("price", &price)])
                }
                None => order.held.clone(),
            };
            (Tone::Wait, &order.held_title, lead)
        }
        Status::Refunded if payment.was_sold() => {
            let paid = format::money(text, payment.came_in());
            let lead = fill(&order.refunded, &[("paid", &paid)]);
            (Tone::Calm, &order.refunded_title, lead)
        }
        // An operator did not complete a held order: there never was a voucher, and the money is
        // still to be paid back, by hand.
        Status::Refunded => {
            let why = match payment.gateway.paid_amount {
                Some(paid) => {
                    let paid = format::money(text, paid);
                    fill(&order.refused, &[("paid", &paid), ("price", &price)])
                }
                None => fill(&order.refused_unclear, &[("price", &price)]),
            };
            let whom = match frame.shop.support_phone.as_deref() {
                Some(phone) => fill(&order.refused_call, &[("phone", phone)]),
                None => order.refused_ask.clone(),
            };
            (Tone::Calm, &order.refused_title, format!("{why} {whom}"))
        }
    }
}

/// The same of an order that has a voucher.
fn voucher_summary(
    frame: &Frame,
    payment: &Payment,
    look: &Look<'_>,
) -> (Tone, &'static str, String) {
    let order = &frame.text.order;
    let package = payment.terms.name(frame.language);
    let expires_at = payment.voucher.as_ref().and_then(|it| it.expires_at);
    let until = expires_at.map(|at| format::until(at, frame.shop.timezone));
    let blanks = [
        ("package", package),
        ("until", until.as_deref().unwrap_or("")),
    ];
    match life(payment, look.now) {
        Life::Usable if look.door.shows_code(payment) => {
            let lead = fill(&order.completed, &blanks);
            (Tone::Good, &order.completed_title, lead)
        }
        Life::Usable => {
            let where_it_is = match frame.shop.may_reissue {
                MayReissue::Owner => &order.replaced,
                MayReissue::OperatorsOnly => &order.replaced_by_staff,
            };
            (Tone::Calm, &order.replaced_title, where_it_is.clone())
        }
        Life::Ended => (Tone::Calm, &order.ended_title, fill(&order.ended, &blanks)),
        Life::Revoked => (Tone::Calm, &order.revoked_title, order.revoked.clone()),
    }
}

/// Whether the order has a voucher that may still let in, as far as the order tells.
pub(super) fn is_usable(payment: &Payment, now: DateTime<Utc>) -> bool {
    payment.status == Status::Completed && matches!(life(payment, now), Life::Usable)
}

enum Life {
    Usable,
    Ended,
    /// Also without any voucher, which cannot be: COMPLETED is committed together with it.
    Revoked,
}

fn life(payment: &Payment, now: DateTime<Utc>) -> Life {
    match &payment.voucher {
        Some(voucher) if voucher.revoked_at.is_some() => Life::Revoked,
        Some(voucher) if voucher.expires_at.is_some_and(|at| at <= now) => Life::Ended,
        Some(_) => Life::Usable,
        None => Life::Revoked,
    }
}

/// Why a payment failed, in the guest's language.
fn reason(text: &Text, reason: Option<FailureReason>) -> &str {
    let texts = &text.reason;
    match reason {
        Some(FailureReason::NoFunds) => &texts.balance,
        Some(FailureReason::WrongPin) => &texts.pin,
        Some(FailureReason::Declined) => &texts.declined,
        Some(FailureReason::GatewayRefused) => &texts.not_sent,
        // The others have pages of their own, or say no more than that it did not work.
        Some(
            FailureReason::Expired
            | FailureReason::Cancelled
            | FailureReason::Refunded
            | FailureReason::Underpaid
            | FailureReason::Other,
        )
        | None => &texts.network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::people::language::Language;
    use crate::web::text::text;

    #[test]
    fn the_guest_is_told_why_in_words_that_help() {
        let text = text(Language::English);
        for (stored, told) in [
            (Some(FailureReason::NoFunds), &text.reason.balance),
            (Some(FailureReason::WrongPin), &text.reason.pin),
            (Some(FailureReason::Declined), &text.reason.declined),
            (Some(FailureReason::GatewayRefused), &text.reason.not_sent),
            (Some(FailureReason::Other), &text.reason.network),
            (None, &text.reason.network),
        ] {
            assert_eq!(reason(text, stored), told, "{stored:?}");
        }
    }
}
