//! For a guest who has paid and has no voucher: the SMS goes out again, to the phone that paid.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};

use super::{Form, Page, Visitor, come_again};
use crate::domain::catalog::admission::Refusal;
use crate::domain::people::phone::Phone;
use crate::http::Api;
use crate::web::text::text;
use crate::web::{Notice, PaidAnswer, PaidPage};

/// Asks for the phone.
pub async fn show(visitor: Visitor) -> HttpResponse {
    draw(&visitor, StatusCode::OK, PaidAnswer::Ask, String::new())
}

/// Has the SMS sent again. The answer does not tell whether a phone has paid.
pub async fn send(visitor: Visitor, request: HttpRequest, form: Form, api: web::Data<Api>) -> Page {
    let text = text(visitor.language);
    let typed: String = form.field("phone").chars().take(20).collect();
    let Ok(phone) = Phone::read(&typed) else {
        let fault = PaidAnswer::Fault(Notice::phone_invalid(text));
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(draw(&visitor, status, fault, typed));
    };
    if let Err(problem) = api.clients.admit(&request) {
        let retry_after_secs = problem.retry_secs().unwrap_or(1);
        let refusal = Refusal::RateLimited { retry_after_secs };
        let fault = PaidAnswer::Fault(Notice::refused(text, refusal, &phone));
        let answer = draw(&visitor, problem.status_code(), fault, typed);
        return Ok(come_again(answer, retry_after_secs));
    }
    api.store.paid_already(&phone).await?;
    Ok(draw(
        &visitor,
        StatusCode::OK,
        PaidAnswer::Done,
        String::new(),
    ))
}

fn draw(visitor: &Visitor, status: StatusCode, answer: PaidAnswer, phone: String) -> HttpResponse {
    visitor.answer(status, &PaidPage::new(visitor.frame(), answer, phone))
}
