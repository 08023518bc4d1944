//! A voucher by its code: what is left of it, and the button that logs in with it.
//!
//! # Invariants
//! - The code comes in the body of a form. It is in no URL of ours, so in no log and in no history.
//! - The holder of a code sees what the code gives: never the phone, the order id or the owner link.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::known_voucher::{KnownVoucher, known, remember};
use super::notice::Notice;
use super::{Code, Form, Page, Visitor, redirect};
use crate::domain::access::{Remaining, RouterRefusal, State, VoucherCode};
use crate::domain::people::Language;
use crate::http::portal::voucher::look_up;
use crate::web::format::until;
use crate::web::text::fill;

/// The path of the page.
pub(super) const PATH: &str = "/voucher";

/// Asks for a code, or shows a voucher.
#[derive(Template)]
#[template(path = "voucher.html")]
struct VoucherPage<'a> {
    visitor: &'a Visitor,
    title: &'a str,
    lead: &'a str,
    /// The code as it was typed.
    typed: String,
    found: Option<Found<'a>>,
    notice: Option<Notice>,
}

/// What the page shows of a voucher.
struct Found<'a> {
    code: &'a VoucherCode,
    is_open: bool,
    /// What is left, a line each.
    left: Vec<String>,
}

impl<'a> VoucherPage<'a> {
    fn form(visitor: &'a Visitor, typed: String) -> Self {
        let text = &visitor.text.voucher;
        Self {
            visitor,
            title: &text.title,
            lead: &text.lead,
            typed,
            found: None,
            notice: None,
        }
    }

    fn has_fault(&self) -> bool {
        let notice = self.notice.as_ref();
        notice.is_some_and(|notice| notice.field.is_some())
    }

    /// The log-in page of the only router, for a guest whose router is not known: a card was scanned.
    fn only_router(&self, code: &str) -> Option<String> {
        let Visitor { visit, api, .. } = self.visitor;
        visit.connect_to_the_only(&api.shop, code)
    }

    /// Where the form is sent. What the router has said goes along, to be shown with the voucher.
    fn action(&self) -> String {
        let refused = self.visitor.visit.refusal.map_or("", RouterRefusal::name);
        self.visitor.visit.link_with(PATH, &[("refused", refused)])
    }
}

/// Asks for a code.
pub async fn show(visitor: Visitor) -> HttpResponse {
    let page = VoucherPage {
        notice: visitor.refusal(),
        ..VoucherPage::form(&visitor, String::new())
    };
    visitor.answer(StatusCode::OK, &page)
}

/// Shows the voucher with the code of the form. A guest whom the router has refused is led to the order,
/// if this browser knows it.
pub async fn find(visitor: Visitor, payload: web::Payload) -> Page {
    let form = Form::read(payload).await?;
    let visitor = visitor.at(PATH);
    let code = VoucherCode::typed(form.field("code"));
    let remaining = match &code {
        Some(code) => look_up(&visitor.api, &visitor.request, code).await?,
        None => None,
    };
    let Some((code, remaining)) = code.zip(remaining) else {
        return Ok(unknown(&visitor, form.typed("code")));
    };
    if visitor.visit.refusal.is_some()
        && let Some(known) = known(&visitor).await?
        && known.code == code
    {
        return lead(&visitor, known).await;
    }
    show_voucher(&visitor, &code, &remaining).await
}

/// Asks for a code again, because the one that was typed is unknown.
pub(super) fn unknown(visitor: &Visitor, typed: String) -> HttpResponse {
    let text = visitor.text;
    let unknown = Notice {
        title: &text.voucher.unknown_title,
        ..Notice::at("code", text, &text.voucher.unknown)
    };
    let page = VoucherPage {
        notice: Some(unknown),
        ..VoucherPage::form(visitor, typed)
    };
    visitor.answer(StatusCode::NOT_FOUND, &page)
}

/// The order's page, or the voucher if this browser knows no order.
pub(super) async fn lead(visitor: &Visitor, known: KnownVoucher) -> Page {
    let Some(order_page) = known.order_page else {
        return show_voucher(&visitor.at(PATH), &known.code, &known.remaining).await;
    };
    let refused = visitor.visit.refusal.map_or("", RouterRefusal::name);
    let link = visitor
        .visit
        .link_with(&order_page, &[("refused", refused)]);
    Ok(visitor.keep_router(redirect(&link)))
}

/// What the voucher gives, and the button.
pub(super) async fn show_voucher(
    visitor: &Visitor,
    code: &VoucherCode,
    remaining: &Remaining,
) -> Page {
    let (text, is_open) = (visitor.text, remaining.state.is_open());
    let sold = visitor.api.store.sold_with(code).await?;
    let sold = sold.ok_or(Code::VoucherNotFound)?;
    let name = match visitor.language {
        Language::Swahili => &sold.name_sw,
        Language::English => &sold.name_en,
    };
    let router = &text.router;
    let (title, lead): (&str, &str) = match remaining.state {
        State::New | State::Active if visitor.visit.is_online => {
            (&router.online_title, &router.online)
        }
        State::New => (&text.voucher.new_title, name),
        State::Active => (&text.voucher.active_title, name),
        State::Expired => (&text.voucher.ended_title, &text.voucher.ended),
        State::Revoked => (&text.voucher.closed_title, &text.voucher.closed),
    };
    let page = VoucherPage {
        title,
        lead,
        found: Some(Found {
            code,
            is_open,
            left: left(visitor, remaining, sold.shared_devices),
        }),
        notice: visitor.refusal().filter(|_| !visitor.visit.is_online),
        ..VoucherPage::form(visitor, String::new())
    };
    let answer = visitor.answer(StatusCode::OK, &page);
    // A guest who is on-line has just come from a page that was remembered.
    Ok(match is_open && !visitor.visit.is_online {
        true => remember(visitor, answer, code.as_str()),
        false => answer,
    })
}

/// What is left of a voucher, a line each; the devices also after its end.
fn left(visitor: &Visitor, remaining: &Remaining, devices: i32) -> Vec<String> {
    let text = visitor.text;
    let online = remaining.devices_online;
    let online = fill(
        &text.voucher.online,
        &[("online", &online), ("devices", &devices)],
    );
    if !remaining.state.is_open() {
        return vec![online];
    }
    let time = text.time_left(remaining.seconds_remaining);
    let end = match remaining.expires_at {
        Some(at) => {
            let until = until(at, visitor.api.shop.timezone);
            fill(&text.order.until, &[("until", &until)])
        }
        None => fill(&text.order.from_login, &[("duration", &time)]),
    };
    let data = text.data_left(remaining.bytes_remaining);
    vec![
        fill(&text.voucher.time, &[("time", &time)]),
        end,
        fill(&text.voucher.data, &[("data", &data)]),
        online,
    ]
}
