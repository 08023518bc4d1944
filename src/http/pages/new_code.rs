//! A new code for a voucher: one press, and the old code and whoever uses it are out.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::super::Api;
use super::super::problem::Problem;
use super::order::draw;
use super::{Form, Visitor};
use crate::actors::NewCode;
use crate::web::text::text;
use crate::web::{Notice, Trouble};

/// Has the code replaced, and leads back to the order, which shows the new one.
pub async fn replace(
    request: HttpRequest,
    order_id: web::Path<String>,
    payload: web::Payload,
    api: web::Data<Api>,
) -> HttpResponse {
    let visitor = Visitor::of(&request, &api.shop);
    let (order_id, form) = match Form::about(&order_id, payload).await {
        Ok(read) => read,
        Err(problem) => return visitor.problem(&problem),
    };
    let back = format!("/order/{order_id}");
    // A form of ours knows what the guest saw; of anything else nothing follows.
    let Ok(seen) = form.field("seen").parse() else {
        return visitor.see(&back);
    };
    let text = text(visitor.language);
    let (status, notice) = match api.orders.new_code(order_id, seen).await {
        Ok(NewCode::Given | NewCode::GivenBefore) => return visitor.see(&back),
        Ok(NewCode::Enough) => (StatusCode::TOO_MANY_REQUESTS, Notice::enough_codes(text)),
        Ok(NewCode::Over) => (StatusCode::CONFLICT, Notice::no_new_code(text)),
        Err(cause) => return visitor.problem(&Problem::from(cause)),
    };
    match api.store.load(order_id).await {
        Ok(Some(order)) => draw(&api, &visitor, status, &order, Some(notice)),
        Ok(None) => visitor.trouble(StatusCode::NOT_FOUND, Trouble::NoOrder),
        Err(cause) => visitor.problem(&Problem::from(cause)),
    }
}
