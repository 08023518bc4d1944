//! For a guest who has paid and has no voucher: the SMS is sent again, to the phone that paid.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::notice::Notice;
use super::{Form, Page, Visitor};
use crate::domain::people::Phone;
use crate::http::portal::purchase::help;

/// The form, or its answer, which is the same for every phone.
#[derive(Template)]
#[template(path = "paid.html")]
struct PaidPage<'a> {
    visitor: &'a Visitor,
    /// As it was typed.
    phone: String,
    /// Whether the SMS was requested. The page does not say whether a voucher was found.
    is_done: bool,
    notice: Option<Notice>,
}

/// Asks for the phone.
pub async fn show(visitor: Visitor) -> HttpResponse {
    visitor.answer(StatusCode::OK, &page(&visitor, String::new(), None))
}

/// Queues the SMS again, or else requests a status check of the newest unpaid order. The answer
/// does not tell whether a phone has paid.
pub async fn send(visitor: Visitor, payload: web::Payload) -> Page {
    let form = Form::read(payload).await?;
    let text = visitor.text;
    let typed = form.typed("phone");
    let Ok(phone) = Phone::read(form.field("phone")) else {
        let notice = Notice::at("phone", text, &text.notice.phone_invalid);
        let page = page(&visitor, typed, Some(notice));
        return Ok(visitor.answer(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    let api = &visitor.api;
    let turn = api
        .clients
        .admit_resend(&visitor.request, &phone, &api.draining);
    turn.await?;
    help(api, &phone).await?;
    let page = PaidPage {
        is_done: true,
        ..page(&visitor, String::new(), None)
    };
    Ok(visitor.answer(StatusCode::OK, &page))
}

fn page(visitor: &Visitor, phone: String, notice: Option<Notice>) -> PaidPage<'_> {
    PaidPage {
        visitor,
        phone,
        is_done: false,
        notice,
    }
}
