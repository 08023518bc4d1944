//! The operator's console: pages under `/operator`, with their handlers.
//!
//! A page is a struct with a template (`src/web/templates/console`). It has what the store and the
//! API's functions return; the template formats it with the methods of `PageContext` and with
//! the functions of `format`.
//!
//! # Invariants
//! - Every page but the log-in is wrapped in `gate::operators_only`: a form reaches its handler only
//!   with the session's CSRF token, and, except for log-out, only from an admin.
//! - Templates escape every text.

use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::auth::Caller;
use super::operators::cursor;
use super::pages::{Form, Page, html, redirect};
use super::problem::{Code, Problem};
use crate::web::href;

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
                    .route("/", web::get().to(|| async { redirect(HOME) }))
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

/// A page with status 200.
fn shown(page: &impl Template) -> HttpResponse {
    html(StatusCode::OK, page)
}

/// A page that says why its form or its search is invalid.
fn refused(page: &impl Template) -> HttpResponse {
    html(StatusCode::UNPROCESSABLE_ENTITY, page)
}

/// The problem of a form with an invalid value.
fn invalid(why: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidValue).detail(why)
}

/// Why a list cannot be searched, for its page; any other problem has a page of its own.
fn search_fault(problem: Problem) -> Result<String, Problem> {
    match &problem.detail {
        Some(why) if problem.code == Code::InvalidQuery => Ok(format!("Cannot search: {why}.")),
        _ => Err(problem),
    }
}

/// The URL of the next page of a list, which begins below the row `before`.
fn next_page(section: Section, filters: &[(&str, &str)], before: Option<i64>) -> Option<String> {
    let cursor = cursor(before?);
    let parameters = [filters, &[("cursor", cursor.as_str())]].concat();
    Some(href(section.href(), &parameters))
}

/// The facts that have a value.
fn known<const N: usize>(facts: [(&'static str, Option<String>); N]) -> Facts {
    let facts = facts.into_iter();
    let known = facts.filter_map(|(name, value)| Some((name, value?)));
    known.collect()
}
