//! The operator's console: pages under `/operator`.
//!
//! The rule that must not be broken: every page but the log-in stands behind `gate::insiders`,
//! so that a form reaches its handler only from somebody who may write and who meant it.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::Api;
use super::auth::Visitor;
use super::problem::{Code, Problem};
use crate::domain::people::mask::Sight;
use crate::web::console::{Act, Desk, Section};
use crate::web::{CONTENT_SECURITY_POLICY as POLICY, draw};

mod acts;
mod books;
mod deliveries;
mod gate;
mod history;
mod live;
mod login;
mod order;
mod orders;
mod packages;
mod people;
mod printed;
mod target;
mod vouchers;
mod words;

pub use history::{History, keep as keep_history};

/// Where the console begins.
const HOME: &str = "/operator";

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
                    .route("/letters", web::get().to(books::letters))
                    .route("/report", web::get().to(books::report))
                    .route("/sales", web::get().to(books::sales))
                    .route("/audit", web::get().to(books::audit))
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

/// The desk of whoever was let in.
async fn desk(api: &Api, visitor: &Visitor, here: Section) -> Desk {
    let csrf = visitor.csrf().map_or("", |csrf| csrf.expose()).to_owned();
    let words = words::now(api).await;
    Desk::new(&api.shop, visitor.operator.clone(), csrf, here, words)
}

/// What this visitor sees of one order.
fn sight(visitor: &Visitor) -> Sight {
    Sight::of(visitor.operator.role)
}

/// A page as it goes out.
fn answer(status: StatusCode, page: &impl Template) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(draw(page))
}

/// Leads to another page of ours, to be got anew.
fn see(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, path))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// What has just been done, of what the word in an address stands for: an address alone puts
/// no words on a page.
fn done(word: &str) -> Option<&'static str> {
    match word {
        "package" => Some("The package is on sale."),
        word => Act::read(word).map(Act::done),
    }
}

/// A parameter of the page's address, without what stands around it; empty if it is not there.
fn parameter(request: &HttpRequest, name: &str) -> String {
    url::form_urlencoded::parse(request.query_string().as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
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
