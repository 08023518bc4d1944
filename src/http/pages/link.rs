//! The link in the SMS, which is short because an SMS is: it leads to the order's page.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::super::Api;
use super::Visitor;
use crate::domain::ids::OrderId;
use crate::web::Trouble;

/// Leads to the order.
pub async fn follow(
    request: HttpRequest,
    short: web::Path<String>,
    api: web::Data<Api>,
) -> HttpResponse {
    let visitor = Visitor::of(&request, &api.shop);
    match OrderId::from_short(&short) {
        Some(order_id) => visitor.see(&format!("/order/{order_id}")),
        None => visitor.trouble(StatusCode::NOT_FOUND, Trouble::NoPage),
    }
}
