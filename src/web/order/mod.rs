//! One order, whatever became of it: look at your phone, the code, or why not.

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use super::format;
use super::frame::Frame;
use super::shop_front::Notice;
use super::text::fill;
use crate::domain::access::voucher::Voucher;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::order::reissue::MayReissue;
use crate::domain::people::phone::Phone;

mod door;
mod reason;

pub use door::Door;
use reason::reason;

/// The page of one order.
#[derive(Template)]
#[template(path = "order.html")]
pub struct OrderPage<'a> {
    frame: Frame<'a>,
    /// Changes whenever the page says something else; the script compares it.
    state: String,
    tone: Tone,
    title: &'static str,
    lead: String,
    /// Where the next look at this order waits for news.
    news_href: Option<String>,
    /// Without a script, whether and after how many seconds the browser goes there.
    refresh_secs: Option<u8>,
    steps: Vec<String>,
    is_late: bool,
    notice: Option<Notice>,
    code: Option<CodeView>,
    /// Where the owner asks for another code in the place of the one that is shown.
    reissue_href: Option<String>,
    /// What who came by the order id is told instead.
    reissue_hint: Option<&'static str>,
    retry: Option<Retry>,
    is_retry_urged: bool,
    /// What leads back to the shop is called.
    shop_label: Option<&'static str>,
}

/// How the page looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Wait,
    Good,
    Bad,
    Calm,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Calm => "calm",
        }
    }
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
    key: String,
    label: &'static str,
    note: String,
}

/// How the page came to be drawn.
pub struct Look<'a> {
    /// How the guest came to it.
    pub door: Door<'a>,
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
    pub fn new(frame: Frame<'a>, payment: &Payment, look: Look<'_>) -> Self {
        let text = frame.text;
        let order = &text.order;
        let price = format::money(text, payment.amount);
        let mut page = Self::blank(frame, payment, &look);
        page.notice = look.notice;
        match payment.status {
            Status::Pending => {
                // The owner knows it by this much. Anybody else who has the link need not learn it.
                let phone = format::masked(&payment.phone);
                let blanks = [("price", &*price), ("phone", &phone)];
                page.say(
                    Tone::Wait,
                    &order.pending_title,
                    fill(&order.pending, &blanks),
                );
                page.steps = order.steps.iter().map(|step| fill(step, &blanks)).collect();
                page.is_late = look.now - payment.created_at >= look.resume;
                if page.is_late {
                    page.is_retry_urged = false;
                    page.offer_retry(payment, look.door, look.key, &order.send_again);
                }
            }
            Status::Completed => page.show_voucher(payment, look.door, look.now),
            Status::Failed => {
                let why = reason(text, payment.failure_reason);
                page.say(Tone::Bad, &order.failed_title, why.to_owned());
                page.offer_retry(payment, look.door, look.key, &order.retry);
            }
            Status::Cancelled => {
                page.say(Tone::Bad, &order.cancelled_title, order.cancelled.clone());
                page.offer_retry(payment, look.door, look.key, &order.retry);
            }
            Status::Expired => {
                page.say(Tone::Bad, &order.expired_title, order.expired.clone());
                page.offer_retry(payment, look.door, look.key, &order.retry_unpaid);
                // Money may be on its way: paying again is not what the page asks for.
                page.is_retry_urged = false;
            }
            Status::Held => {
                let lead = match payment.gateway.paid_amount {
                    Some(paid) => {
                        let paid = format::money(text, paid);
                        fill(&order.held_paid, &[("paid", &paid), ("price", &price)])
                    }
                    None => order.held.clone(),
                };
                page.say(Tone::Wait, &order.held_title, lead);
            }
            Status::Refunded => {
                if payment.was_sold() {
                    let paid = format::money(text, payment.came_in());
                    let lead = fill(&order.refunded, &[("paid", &paid)]);
                    page.say(Tone::Calm, &order.refunded_title, lead);
                } else {
                    page.say_refused(payment);
                }
                page.shop_label = Some(&order.buy_more);
            }
        }
        page.state = format!("{}.{}.{}", payment.version, page.tone.class(), page.is_late);
        page
    }

    /// All but what depends on the status.
    fn blank(frame: Frame<'a>, payment: &Payment, look: &Look<'_>) -> Self {
        let path = look.door.path(payment);
        let since = payment.version.to_string();
        // Late money wins over FAILED, CANCELLED and EXPIRED, so all of these are watched.
        let may_change = match payment.status {
            Status::Completed | Status::Refunded => false,
            Status::Pending
            | Status::Held
            | Status::Failed
            | Status::Cancelled
            | Status::Expired => true,
        };
        let waits = matches!(payment.status, Status::Pending | Status::Held);
        Self {
            news_href: may_change.then(|| frame.visit.link_with(&path, &[("since", &since)])),
            refresh_secs: waits.then_some(if look.is_crowded { 3 } else { 1 }),
            frame,
            state: String::new(),
            tone: Tone::Calm,
            title: "",
            lead: String::new(),
            steps: Vec::new(),
            is_late: false,
            notice: None,
            code: None,
            reissue_href: None,
            reissue_hint: None,
            retry: None,
            is_retry_urged: true,
            shop_label: None,
        }
    }

    fn say(&mut self, tone: Tone, title: &'static str, lead: String) {
        (self.tone, self.title, self.lead) = (tone, title, lead);
    }

    /// An operator did not complete a held order: there never was a voucher, and the money is
    /// still to be paid back, by hand.
    fn say_refused(&mut self, payment: &Payment) {
        let text = self.frame.text;
        let order = &text.order;
        let price = format::money(text, payment.amount);
        let why = match payment.gateway.paid_amount {
            Some(paid) => {
                let paid = format::money(text, paid);
                fill(&order.refused, &[("paid", &paid), ("price", &price)])
            }
            None => fill(&order.refused_unclear, &[("price", &price)]),
        };
        let whom = match self.frame.shop.support_phone.as_deref() {
            Some(phone) => fill(&order.refused_call, &[("phone", phone)]),
            None => order.refused_ask.clone(),
        };
        self.say(Tone::Calm, &order.refused_title, format!("{why} {whom}"));
    }

    fn show_voucher(&mut self, payment: &Payment, door: Door<'_>, now: DateTime<Utc>) {
        let text = self.frame.text;
        let order = &text.order;
        let package = payment.terms.name(self.frame.language);
        let Some(voucher) = &payment.voucher else {
            // Cannot be: COMPLETED is committed together with its voucher.
            return self.say(Tone::Calm, &order.revoked_title, order.revoked.clone());
        };
        let until = voucher
            .expires_at
            .map(|at| format::until(at, self.frame.shop.timezone));
        let blanks = [
            ("package", package),
            ("until", until.as_deref().unwrap_or("")),
        ];
        match life(voucher, now) {
            Life::Usable if !door.shows_code(payment) => {
                let where_it_is = match self.frame.shop.may_reissue {
                    MayReissue::Owner => &order.replaced,
                    MayReissue::OperatorsOnly => &order.replaced_by_staff,
                };
                self.say(Tone::Calm, &order.replaced_title, where_it_is.clone());
            }
            Life::Usable => {
                let lead = fill(&order.completed, &blanks);
                self.say(Tone::Good, &order.completed_title, lead);
                let validity = match until {
                    Some(_) => fill(&order.until, &blanks),
                    None => {
                        let lasts = format::duration(text, payment.terms.duration_minutes);
                        fill(&order.from_login, &[("duration", &lasts)])
                    }
                };
                let code = voucher.code.as_str();
                self.code = Some(CodeView {
                    code: code.to_owned(),
                    spelled: code.chars().map(|c| format!("{c} ")).collect(),
                    validity,
                    connect: self.frame.visit.connect(code),
                });
                self.offer_reissue(payment, door);
            }
            Life::Ended => {
                self.say(Tone::Calm, &order.ended_title, fill(&order.ended, &blanks));
                self.shop_label = Some(&order.buy_more);
            }
            Life::Revoked => {
                self.say(Tone::Calm, &order.revoked_title, order.revoked.clone());
            }
        }
    }

    fn offer_reissue(&mut self, payment: &Payment, door: Door<'_>) {
        match (self.frame.shop.may_reissue, door) {
            (MayReissue::Owner, Door::OwnerLink(_)) => {
                let path = format!("{}/reissue", door.path(payment));
                self.reissue_href = Some(self.frame.visit.link(&path));
            }
            // The SMS of an older order has no such link.
            (MayReissue::Owner, Door::OrderId) => {
                let hint = self.frame.text.order.new_code_by_sms.as_str();
                self.reissue_hint = payment.owner_token.as_ref().map(|_| hint);
            }
            (MayReissue::OperatorsOnly, Door::OrderId | Door::OwnerLink(_)) => {}
        }
    }

    fn offer_retry(&mut self, payment: &Payment, door: Door<'_>, key: String, label: &'static str) {
        let order = &self.frame.text.order;
        self.shop_label = Some(&order.change);
        match door {
            Door::OrderId => {}
            // The address of the form is the order id, which this page does not give away.
            Door::OwnerLink(_) => return,
        }
        // Who was forgotten has no phone any more that could ring.
        if Phone::read(payment.phone.international()).is_err() {
            return;
        }
        let phone = format::masked(&payment.phone);
        self.retry = Some(Retry {
            action: self
                .frame
                .visit
                .link(&format!("/order/{}/again", payment.order_id)),
            key,
            label,
            note: fill(&order.retry_phone, &[("phone", &phone)]),
        });
    }
}

/// Whether the order has a voucher that may still let in, as far as the order tells.
pub(super) fn is_usable(payment: &Payment, now: DateTime<Utc>) -> bool {
    match (&payment.voucher, payment.status) {
        (Some(voucher), Status::Completed) => matches!(life(voucher, now), Life::Usable),
        _ => false,
    }
}

enum Life {
    Usable,
    Ended,
    Revoked,
}

fn life(voucher: &Voucher, now: DateTime<Utc>) -> Life {
    if voucher.revoked_at.is_some() {
        Life::Revoked
    } else if voucher.expires_at.is_some_and(|at| at <= now) {
        Life::Ended
    } else {
        Life::Usable
    }
}
