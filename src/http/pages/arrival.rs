//! Where a guest arrives whom the router has sent: at the voucher that this browser knows, or in the shop.
//!
//! # Invariants
//! An automatic log-in is tried once in two minutes, and is not repeated after a refusal.

use actix_web::HttpResponse;

use super::known_voucher::{KnownVoucher, known, may_log_in_again};
use super::notice::Notice;
use super::voucher::{PATH, lead, show, show_voucher};
use super::way::{Way, way};
use super::{Problem, Visitor, redirect, with_cookie};
use crate::domain::access::{RouterRefusal, State, VoucherCode};
use crate::http::portal::voucher::look_up_at_once;
use crate::http::request::cookie;

/// The cookie of a browser that was just logged in by itself.
const TRIED_COOKIE: &str = "malipo_tried";
const TRIED_LASTS_SECS: i64 = 120;
/// The cookie of a browser that went for a challenge after the guest had pressed the button.
pub(super) const WANTED_COOKIE: &str = "malipo_connect";
pub(super) const WANTED: &str = "1";

/// Where a guest arrives whom the router has sent.
pub(super) enum Arrival {
    /// Logged in by itself, at the voucher that this browser knows, or where a code is typed.
    Led(HttpResponse),
    /// In the shop, which says why the guest's voucher does not log in any more.
    Shop(Option<Notice>),
}

/// Finds where that is.
///
/// # Errors
/// A 503 without the database.
pub(super) async fn arrive(visitor: &Visitor) -> Result<Arrival, Problem> {
    let visit = &visitor.visit;
    if visit.is_online {
        return online(visitor).await;
    }
    if !visit.comes_from_router() {
        return Ok(Arrival::Shop(None));
    }
    let is_unknown = visit.refusal == Some(RouterRefusal::UnknownCode);
    let is_late = visit.refusal == Some(RouterRefusal::TooLate);
    // The router's page has not said which code it was; that of this browser may be another one.
    if is_unknown && !visit.logs_in_by_form() {
        return Ok(Arrival::Led(show(visitor.at(PATH)).await));
    }
    let Some(known) = known(visitor).await? else {
        return Ok(match is_unknown || is_late {
            true => Arrival::Led(show(visitor.at(PATH)).await),
            false => Arrival::Shop(None),
        });
    };
    if is_unknown && known.remaining.state.is_open() {
        // The code was looked up before it was sent, so the answer to the challenge was wrong: it was
        // another challenge's.
        let late = visitor.clone().refused(RouterRefusal::TooLate);
        return lead(&late, known).await.map(Arrival::Led);
    }
    if visit.refusal.is_none() && !visit.has_left {
        let headers = visitor.request.headers();
        let is_open = known.remaining.state.is_open();
        let is_wanted = is_open && cookie(headers, WANTED_COOKIE) == Some(WANTED);
        if !is_wanted && !may_log_in_again(visitor, &known).await? {
            return Ok(Arrival::Shop(over(visitor, &known)));
        }
        if is_wanted || cookie(headers, TRIED_COOKIE).is_none() {
            match way(visitor, &known.code).await? {
                Some(Way::Go(router)) => return Ok(Arrival::Led(led_on(visitor, &router))),
                Some(Way::Refused(refusal)) => {
                    let refused = visitor.clone().refused(refusal);
                    return lead(&refused, known).await.map(Arrival::Led);
                }
                Some(Way::Fetch(_)) | None => {}
            }
        }
    }
    lead(visitor, known).await.map(Arrival::Led)
}

/// Why the voucher that this browser knows cannot be used any more, if so.
fn over(visitor: &Visitor, known: &KnownVoucher) -> Option<Notice> {
    let text = &visitor.text.notice;
    let title = match known.remaining.state {
        State::New | State::Active => return None,
        State::Expired => &text.voucher_ended_title,
        State::Revoked if known.is_refunded => &text.voucher_refunded_title,
        State::Revoked => &text.voucher_closed_title,
    };
    Some(Notice::new(title, &text.another_voucher))
}

/// Leads the browser to the router, and makes sure that it does not go there again and again.
fn led_on(visitor: &Visitor, router: &str) -> HttpResponse {
    let gate = &visitor.api.gate;
    let tried = gate.set_cookie(TRIED_COOKIE, "1", TRIED_LASTS_SECS);
    let done = gate.set_cookie(WANTED_COOKIE, "", 0);
    with_cookie(with_cookie(redirect(router), &tried), &done)
}

/// The voucher of a guest whom the router has let in: by the code that the router names, or the one that
/// this browser knows; else the shop.
async fn online(visitor: &Visitor) -> Result<Arrival, Problem> {
    let visitor = visitor.at(PATH);
    let named = visitor.visit.code.as_deref().and_then(VoucherCode::typed);
    if let Some(code) = named
        && let Some(remaining) = look_up_at_once(&visitor.api, &visitor.request, &code).await?
    {
        return show_voucher(&visitor, &code, &remaining)
            .await
            .map(Arrival::Led);
    }
    match known(&visitor).await? {
        Some(known) => show_voucher(&visitor, &known.code, &known.remaining)
            .await
            .map(Arrival::Led),
        None => Ok(Arrival::Shop(None)),
    }
}
