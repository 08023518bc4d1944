//! The button "Connect now" of a guest at CoovaChilli or openNDS: the code is posted, and the answer leads
//! the browser to the router.
//!
//! A page and no redirect, because a browser does not follow a redirect from a form to another site
//! (`form-action` of our Content-Security-Policy).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::arrival::{WANTED, WANTED_COOKIE};
use super::known_voucher::{known, remember};
use super::voucher::{lead, show_voucher, unknown};
use super::way::{Way, way};
use super::{Form, Page, Visitor, with_cookie};
use crate::domain::access::VoucherCode;
use crate::http::portal::voucher::look_up;

/// How long the router may take to send the guest back with a challenge.
const WANTED_LASTS_SECS: i64 = 120;

/// Leads on by itself, and has a link for a browser that does not.
#[derive(Template)]
#[template(path = "connecting.html")]
struct ConnectingPage<'a> {
    visitor: &'a Visitor,
    href: String,
}

/// Logs in with the code of the form.
pub async fn log_in(visitor: Visitor, payload: web::Payload) -> Page {
    let form = Form::read(payload).await?;
    let visitor = visitor.at("/voucher");
    let code = VoucherCode::typed(form.field("code"));
    let remaining = match &code {
        Some(code) => look_up(&visitor.api, &visitor.request, code).await?,
        None => None,
    };
    let Some((code, remaining)) = code.zip(remaining) else {
        return Ok(unknown(&visitor, form.typed("code")));
    };
    let chosen = match remaining.state.is_open() {
        true => way(&visitor, &code).await?,
        false => None,
    };
    let href = match chosen {
        Some(Way::Go(href)) => href,
        Some(Way::Fetch(href)) => return fetch(&visitor, &code, href).await,
        Some(Way::Refused(refusal)) => {
            let visitor = visitor.refused(refusal);
            return match known(&visitor).await? {
                Some(known) if known.code == code => lead(&visitor, known).await,
                _ => show_voucher(&visitor, &code, &remaining).await,
            };
        }
        None => return show_voucher(&visitor, &code, &remaining).await,
    };
    Ok(connecting(&visitor, href))
}

/// Sends the browser for a challenge. Cookies say what it wants when it comes back.
async fn fetch(visitor: &Visitor, code: &VoucherCode, href: String) -> Page {
    let wanted = (visitor.api.gate).set_cookie(WANTED_COOKIE, WANTED, WANTED_LASTS_SECS);
    let answer = with_cookie(connecting(visitor, href), &wanted);
    let known = known(visitor).await?;
    Ok(match known.is_some_and(|known| known.code == *code) {
        true => answer,
        false => remember(visitor, answer, code.as_str()),
    })
}

fn connecting(visitor: &Visitor, href: String) -> HttpResponse {
    visitor.answer(StatusCode::OK, &ConnectingPage { visitor, href })
}

/// Redirects a GET of the form's path, as when the browser reloads its answer, to the form for a code.
pub async fn back(visitor: Visitor) -> HttpResponse {
    visitor.redirect("/voucher")
}
