//! One order, whatever became of it: look at your phone, the code, or why not.

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use super::format;
use super::frame::Frame;
use super::shop_front::Notice;
use super::text::fill;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::order::reissue::MayReissue;
use crate::domain::people::phone::Phone;

mod link;
mod summary;

pub use link::LinkKind;

use summary::{Life, Tone, life, summary};

pub(super) use summary::is_usable;

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

impl<'a> OrderPage<'a> {
    /// The page of this order as it is at `look.now`.
    pub fn new(frame: Frame<'a>, payment: &'a Payment, look: Look<'a>) -> Self {
        let (tone, title, lead) = summary(&frame, payment, (look.door, look.now));
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
