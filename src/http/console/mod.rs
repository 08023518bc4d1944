//! The operator's console: pages under `/operator`, with their handlers.
//!
//! A page is a struct with a template (`src/web/templates/console`). It has what the store and the
//! API's functions return; the template formats it with the methods of `PageContext` and with
//! the functions of `format`.
//!
//! # Invariants
//! - Every page but the log-in is wrapped in `gate::operators_only`: a form reaches its handler only
//!   with the session's CSRF token, and, except for log-out and an operator's own access, only from an
//!   admin.
//! - Templates escape every text. `safe` marks only the banner, which is a template itself, and the
//!   samples of the charts, which have no external text.

use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, web};

use super::auth::Caller;
use super::pages::{Form, Page, html, redirect};
use super::problem::{Code, Problem};
use super::unrouted;
use crate::web::href;

mod access;
mod access_acts;
mod act;
mod act_targets;
mod acts;
mod banner;
mod context;
mod format;
mod gate;
mod live;
mod login;
mod messages;
mod operators;
mod orders;
mod packages;
mod page;
mod report;
mod routers;
mod sales;
mod sessions;
mod sheet;
#[cfg(test)]
mod tests;
mod vouchers;
mod webhooks;

pub use live::keep_history;

use context::{PageContext, Section, next_page};
use page::{Facts, HOME, admins_only, in_path, invalid, known, refused, search_fault, shown};

/// Every page of the console.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::scope(HOME)
            .route("/login", web::get().to(login::show_login))
            .route("/login", web::post().to(login::log_in))
            .service(
                web::scope("")
                    .wrap(from_fn(gate::operators_only))
                    .route("", web::get().to(live::show))
                    .route("/", web::get().to(|| async { redirect(HOME) }))
                    .route("/logout", web::post().to(login::log_out))
                    .route("/words", web::get().to(banner::show_banner))
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
                    .route("/vouchers/{id}", web::get().to(sheet::show))
                    .route("/sessions", web::get().to(sessions::show))
                    .route("/routers", web::get().to(routers::show))
                    .route("/routers", web::post().to(routers::add))
                    .route("/routers/{name}", web::get().to(routers::script))
                    .route("/access", web::get().to(access::show_own))
                    .route("/access", web::post().to(access::change_own))
                    .route("/people", web::get().to(operators::show))
                    .route("/people", web::post().to(operators::add))
                    .route("/people/{name}", web::get().to(access::show))
                    .route("/people/{name}", web::post().to(access::change))
                    .route("/printed/{id}", web::get().to(vouchers::show_printed))
                    .route("/{kind}/{id}/{act}", web::get().to(acts::ask))
                    .route("/{kind}/{id}/{act}", web::post().to(acts::perform))
                    .default_service(web::to(no_such_page)),
            ),
    );
}

async fn no_such_page(request: HttpRequest) -> Page {
    match unrouted::allowed(&request) {
        Some(_) => Ok(unrouted::no_such_page(request).await),
        None => Err(Problem::new(Code::NotFound)),
    }
}
