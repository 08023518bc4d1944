//! The operator's console: pages under `/operator`, with the handlers that answer them.
//!
//! A page is a struct with a template (`src/web/templates/console`). It holds what the store and
//! the API's functions return, and the template writes it with the desk's methods and `filters`.
//!
//! # Invariants
//! - Every page but the log-in stands behind `gate::insiders`, so that a form reaches its handler
//!   only from an operator who may write and who meant it.
//! - Every form carries the session's own token, and every text is drawn by a template that escapes
//!   it.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::problem::{Code, Problem};
use crate::web::{CONTENT_SECURITY_POLICY as POLICY, draw};

mod acts;
mod audit;
mod deliveries;
mod desk;
mod filters;
mod format;
mod gate;
mod history;
mod letters;
mod live;
mod login;
mod order;
mod orders;
mod packages;
mod people;
mod printed;
mod report;
mod sales;
#[cfg(test)]
mod tests;
mod vouchers;
mod words;

pub use history::keep as keep_history;

use desk::{PageContext, Section};

/// Where the console begins.
const HOME: &str = "/operator";

/// Names and values, as a list of facts shows them.
type Facts = Vec<(&'static str, String)>;

/// Every page of the console.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::scope(HOME)
            .route("/login", web::get().to(login::show))
            .route("/login", web::post().to(login::log_in))
            .service(
                web::scope("")
                    .wrap(from_fn(gate::insiders))
                    .route("", web::get().to(live::show))
                    .route("/", web::get().to(live::home))
                    .route("/logout", web::post().to(login::log_out))
                    .route("/words", web::get().to(words::show))
                    .route("/orders", web::get().to(orders::show))
                    .route("/orders/{order_id}", web::get().to(order::show))
                    .route("/deliveries", web::get().to(deliveries::list))
                    .route("/deliveries/{id}", web::get().to(deliveries::show))
                    .route("/letters", web::get().to(letters::show))
                    .route("/report", web::get().to(report::show))
                    .route("/sales", web::get().to(sales::show))
                    .route("/audit", web::get().to(audit::show))
                    .route("/packages", web::get().to(packages::show))
                    .route("/packages", web::post().to(packages::add))
                    .route("/vouchers", web::get().to(vouchers::show))
                    .route("/vouchers", web::post().to(vouchers::make))
                    .route("/vouchers/{id}", web::get().to(vouchers::sheet))
                    .route("/people", web::get().to(people::show))
                    .route("/people", web::post().to(people::add))
                    .route("/printed/{id}", web::get().to(printed::show))
                    .route("/{kind}/{id}/{act}", web::get().to(acts::ask))
                    .route("/{kind}/{id}/{act}", web::post().to(acts::perform))
                    .default_service(web::to(no_such_page)),
            ),
    );
}

async fn no_such_page() -> Result<HttpResponse, Problem> {
    Err(Problem::new(Code::NotFound))
}

/// A page as it goes out.
fn answer(status: StatusCode, page: &impl Template) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(draw(page))
}

/// A page that was asked for and is there.
fn shown(page: &impl Template) -> HttpResponse {
    answer(StatusCode::OK, page)
}

/// Leads to another page of ours, to be got anew.
fn see(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, path))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// An address with these parameters, without those that say nothing.
fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let said = parameters.iter().filter(|(_, value)| !value.is_empty());
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(said)
        .finish();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// Of a table of facts, those that have a value.
fn known<const N: usize>(facts: [(&'static str, Option<String>); N]) -> Facts {
    let known = facts.into_iter();
    known
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
