//! For a guest who has paid and has no voucher: the SMS goes out again, to the phone that paid.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};

use super::{Form, Visitor};
use crate::domain::catalog::admission::Refusal;
use crate::domain::people::phone::Phone;
use crate::http::Api;
use crate::http::problem::Problem;
use crate::web::text::text;
use crate::web::{Notice, PaidAnswer, PaidPage};

/// Asks for the phone.
pub async fn show(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    let visitor = Visitor::of(&request, &api.shop);
    let page = PaidPage::new(visitor.frame(), PaidAnswer::Ask, String::new());
    visitor.answer(StatusCode::OK, &page)
}

/// Has the SMS sent again. Nobody learns here whether a phone has paid.
pub async fn send(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> HttpResponse {
    let visitor = Visitor::of(&request, &api.shop);
    let form = match Form::read(payload).await {
        Ok(form) => form,
        Err(problem) => return visitor.problem(&problem),
    };
    let text = text(visitor.language);
    let typed: String = form.field("phone").chars().take(20).collect();
    let Ok(phone) = Phone::read(&typed) else {
        let fault = PaidAnswer::Fault(Notice::phone_invalid(text));
        let page = PaidPage::new(visitor.frame(), fault, typed);
        return visitor.answer(StatusCode::UNPROCESSABLE_ENTITY, &page);
    };
    if let Err(problem) = api.clients.admit(&request) {
        let retry_after_secs = problem.retry_secs().unwrap_or(1);
        let refusal = Refusal::RateLimited { retry_after_secs };
        let fault = PaidAnswer::Fault(Notice::refused(text, refusal, &phone));
        let page = PaidPage::new(visitor.frame(), fault, typed);
        let mut answer = visitor.answer(problem.status_code(), &page);
        answer
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(retry_after_secs));
        return answer;
    }
    match api.store.paid_already(&phone).await {
        Ok(_) => {
            let page = PaidPage::new(visitor.frame(), PaidAnswer::Done, String::new());
            visitor.answer(StatusCode::OK, &page)
        }
        Err(cause) => visitor.problem(&Problem::from(cause)),
    }
}
