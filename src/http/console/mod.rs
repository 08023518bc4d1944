//! The operator's console: pages under `/operator`, with the handlers that answer them.
//!
//! A page is a struct with a template (`src/web/templates/console`). It has what the store and the
//! API's functions return; the template formats it with the methods of `PageContext` and with
//! `format::filters`.
//!
//! # Invariants
//! - Every page but the log-in is wrapped in `gate::operators_only`, so that a form reaches its
//!   handler only if an admin sent it with the session's CSRF token.
//! - Templates escape every text.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::auth::Caller;
use super::pages::Form;
use super::problem::{Code, Problem};
use crate::web::{CONTENT_SECURITY_POLICY as POLICY, draw};

mod act_targets;
mod acts;
mod context;
mod format;
mod gate;
mod live;
mod messages;
mod operators;
mod orders;
mod packages;
mod report;
mod sales;
#[cfg(test)]
mod tests;
mod vouchers;
mod webhooks;

pub use live::keep_history;

use context::{PageContext, Section};

/// A page, or the problem that is shown in its place.
type Page = Result<HttpResponse, Problem>;

/// The first page of the console.
const HOME: &str = "/operator";

/// Names and values, as a list of facts shows them.
type Facts = Vec<(&'static str, String)>;

/// Every page of the console.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::scope(HOME)
            .route("/login", web::get().to(gate::show_login))
            .route("/login", web::post().to(gate::log_in))
            .service(
                web::scope("")
                    .wrap(from_fn(gate::operators_only))
                    .route("", web::get().to(live::show))
                    .route("/", web::get().to(live::home))
                    .route("/logout", web::post().to(gate::log_out))
                    .route("/words", web::get().to(context::show_banner))
                    .route("/orders", web::get().to(orders::list))
                    .route("/orders/{order_id}", web::get().to(orders::show))
                    .route("/deliveries", web::get().to(webhooks::list))
                    .route("/deliveries/{id}", web::get().to(webhooks::show))
                    .route("/letters", web::get().to(messages::show))
                    .route("/report", web::get().to(report::show))
                    .route("/sales", web::get().to(sales::show))
                    .route("/audit", web::get().to(operators::audit))
                    .route("/packages", web::get().to(packages::show))
                    .route("/packages", web::post().to(packages::add))
                    .route("/vouchers", web::get().to(vouchers::show))
                    .route("/vouchers", web::post().to(vouchers::make))
                    .route("/vouchers/{id}", web::get().to(vouchers::sheet))
                    .route("/people", web::get().to(operators::show))
                    .route("/people", web::post().to(operators::add))
                    .route("/printed/{id}", web::get().to(vouchers::show_printed))
                    .route("/{kind}/{id}/{act}", web::get().to(acts::ask))
                    .route("/{kind}/{id}/{act}", web::post().to(acts::perform))
                    .default_service(web::to(no_such_page)),
            ),
    );
}

async fn no_such_page() -> Page {
    Err(Problem::new(Code::NotFound))
}

/// A page as a response.
fn answer(status: StatusCode, page: &impl Template) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(draw(page))
}

/// A page with status 200.
fn shown(page: &impl Template) -> HttpResponse {
    answer(StatusCode::OK, page)
}

/// Redirects to another page of ours.
fn see(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, path))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// An address with these parameters, without the empty ones.
fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let filled = parameters.iter().filter(|(_, value)| !value.is_empty());
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(filled)
        .finish();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// The address of the next page of a list, which begins below the row `before`.
fn next_page(section: Section, filters: &[(&str, &str)], before: Option<i64>) -> Option<String> {
    let before = before?.to_string();
    let parameters = [filters, &[("before", before.as_str())]].concat();
    Some(address(section.href(), &parameters))
}

/// The facts that have a value.
fn known<const N: usize>(facts: [(&'static str, Option<String>); N]) -> Facts {
    let facts = facts.into_iter();
    let known = facts.filter_map(|(name, value)| Some((name, value?)));
    known.collect()
}
