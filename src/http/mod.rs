//! What comes in from the net: all routes on one screen, and translation in the files
//! beside. A handler takes apart, makes one call and puts together; if it wants to decide
//! something, another layer should.

use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::guard::{self, Guard};
use actix_web::http::header;
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::{Error, HttpRequest, HttpResponse, web};
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::actors::Orders;
use crate::actors::status::StatusBoard;
use crate::checkout::Checkout;
use crate::jobs::reconciler::Reconciler;
use crate::jobs::retention::Retention;
use crate::observability::metrics::Metrics;
use crate::store::{Overview, Store};
use crate::supervisor::Supervisor;
use crate::web::Shop;

pub mod auth;
mod client;
pub mod console;
pub mod health;
mod openapi;
pub mod operators;
mod pages;
mod portal;
pub mod problem;
mod rate_limit;
mod request;
pub mod sandbox;
mod webhook;

pub use client::Clients;
pub use openapi::Document;

use auth::Gate;
use operators::events::LiveStreams;
use operators::{acts, reports};
use problem::{Code, Problem};

/// Base of the portal's and ZenoPay's paths.
const PORTAL: &str = "/api/v1/customer-portal";
/// Base of the operators' paths.
const OPERATOR: &str = "/api/v1/operator";

/// What handlers need. Cheap to clone: a clone for every worker.
#[derive(Clone)]
pub struct Api {
    /// Reads.
    pub store: Store,
    /// Where evidence goes.
    pub orders: Orders,
    /// Where a customer is erased, from the archive too.
    pub retention: Retention,
    /// Where polls wait.
    pub status: StatusBoard,
    /// Where purchases are made.
    pub checkout: Checkout,
    /// For the operators' table.
    pub reconciler: Reconciler,
    /// What is open, as last counted.
    pub overview: tokio::sync::watch::Receiver<Overview>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Which tasks have failed.
    pub supervisor: Supervisor,
    /// Set when the server stops.
    pub draining: CancellationToken,
    /// Tells operators.
    pub gate: Gate,
    /// Where operators watch the machinery.
    pub screens: LiveStreams,
    /// `sandbox` or `live`.
    pub mode: &'static str,
    /// Names this process in a crowd.
    pub instance: Arc<str>,
    /// When the process started.
    pub started: std::time::Instant,
    /// The longest wait of one poll.
    pub wait_max: Duration,
    /// Tells clients apart, and how often each may call.
    pub clients: Clients,
    /// How long a prompt is taken to be open.
    pub resume: TimeDelta,
    /// The last minutes of the machinery.
    pub history: console::History,
    /// What pages know of the shop.
    pub shop: Arc<Shop>,
    /// Where the shop is, for the day of a report.
    pub timezone: chrono_tz::Tz,
    /// Where this server stands.
    pub site: Arc<Site>,
}

/// What handlers know of the surroundings.
pub struct Site {
    /// The portal that RFC 8908 names; `None` if we are not inside the hotspot, where devices
    /// cannot be told by their address.
    pub captive_portal: Option<url::Url>,
    /// FreeRADIUS as routers reach it, if we know.
    pub radius_address: Option<String>,
}

/// Every route there is.
#[rustfmt::skip] // A table is read by its columns.
pub fn routes(config: &mut web::ServiceConfig, sandbox: Option<crate::sandbox::Sandbox>) {
    let query = web::QueryConfig::default().error_handler(|fault, _| {
        Problem::new(Code::InvalidQuery).detail(fault.to_string()).into()
    });
    config
        .app_data(query)
        .service(
            web::scope(PORTAL)
                .route("/packages", web::get().to(portal::packages))
                .route("/payment", web::post().to(portal::pay))
                .route("/payment/resend", web::post().to(portal::resend::resend))
                .service(
                    web::resource("/payment/status/{order_id}")
                        .wrap(from_fn(portal::status::shrink_headers))
                        .route(web::get().to(portal::status::show))
                        .default_service(web::to(no_such_page)),
                )
                .route("/payment/status/{order_id}/events", web::get().to(portal::status::events))
                .route("/voucher/{code}", web::get().to(portal::voucher::show))
                .route("/captive", web::get().to(portal::voucher::captive))
                .route("/webhook/zenopay", web::post().to(webhook::receive))
                .route("/webhook/zenopay/{token}", web::post().to(webhook::receive_with_token))
                .default_service(web::to(no_such_page)),
        )
        .service(
            web::scope(OPERATOR)
                .wrap(from_fn(auth::operators_only))
                .configure(operator_routes)
                .default_service(web::to(no_such_page)),
        )
        .route("/health/live", web::route().guard(get_or_head()).to(health::live))
        .route("/health/ready", web::route().guard(get_or_head()).to(health::ready))
        .service(
            web::resource("/metrics")
                .wrap(from_fn(auth::operators_only_from_afar))
                .route(web::get().to(health::metrics))
                .default_service(web::to(no_such_page)),
        )
        .configure(openapi::routes)
        .configure(pages::routes)
        .configure(console::routes);
    if let Some(sandbox) = sandbox {
        config
            .app_data(web::Data::new(sandbox))
            .configure(sandbox::routes)
            .configure(pages::handset::routes);
    }
    config.default_service(web::to(no_such_page));
}

/// What operators see and do.
#[rustfmt::skip] // A table is read by its columns.
fn operator_routes(config: &mut web::ServiceConfig) {
    config
        .route("/customers/erase", web::post().to(operators::customers::erase))
        .route("/actors", web::get().to(operators::actors::actors))
        .route("/actors/{order_id}", web::get().to(operators::actors::actor))
        .route("/events", web::get().to(operators::events::watch_actors))
        .route("/orders", web::get().to(operators::orders::find_orders))
        .route("/orders/{order_id}", web::get().to(operators::orders::show_order))
        .route("/webhooks", web::get().to(operators::webhooks::list_webhooks))
        .route("/webhooks/{id}", web::get().to(operators::webhooks::show_webhook))
        .configure(operators::routers::routes)
        .route("/webhooks/{id}/replay", web::post().to(acts::replay))
        .route("/orders/{order_id}/reconcile", web::post().to(acts::reconcile))
        .route("/orders/{order_id}/release", web::post().to(acts::release))
        .route("/orders/{order_id}/refund", web::post().to(acts::refund))
        .route("/orders/{order_id}/reissue", web::post().to(acts::reissue))
        .route("/vouchers/{code}", web::get().to(operators::vouchers::show_voucher))
        .route("/vouchers/{code}/revoke", web::post().to(operators::vouchers::revoke))
        .route("/sms/{id}/resend", web::post().to(acts::resend))
        .route("/outbox/hold", web::get().to(acts::show_hold))
        .route("/outbox/hold/release", web::post().to(acts::release_hold))
        .route("/reports/daily", web::get().to(reports::daily));
}

/// Load balancers like to ask with HEAD.
fn get_or_head() -> impl Guard {
    guard::Any(guard::Get()).or(guard::Head())
}

/// For every path and method without a handler. A resource with middleware of its own does not
/// inherit it from above, and would answer with nothing.
async fn no_such_page(request: HttpRequest) -> HttpResponse {
    let Some(allowed) = openapi::methods_of(&request) else {
        return pages::or_problem(&request, &Problem::new(Code::NotFound));
    };
    let mut refusal = pages::or_problem(&request, &Problem::new(Code::MethodNotAllowed));
    let allowed = header::HeaderValue::from_static(allowed);
    refusal.headers_mut().insert(header::ALLOW, allowed);
    refusal
}

/// Which pages of others may talk to the portal's API; no credentials.
pub fn cors(allowed_origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "POST"])
        .allowed_headers([header::ACCEPT_LANGUAGE, header::CONTENT_TYPE])
        .allowed_header("idempotency-key")
        .expose_headers([header::RETRY_AFTER])
        .max_age(3_600);
    allowed_origins
        .iter()
        .fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// What every answer carries; `https` is whether browsers reach us by HTTPS, and then never
/// again without it.
pub fn headers(https: bool) -> DefaultHeaders {
    let headers = DefaultHeaders::new()
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((header::REFERRER_POLICY, "no-referrer"))
        .add((header::X_FRAME_OPTIONS, "DENY"))
        .add(("cross-origin-opener-policy", "same-origin"));
    if https {
        headers.add((header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"))
    } else {
        headers
    }
}

/// A server that stops takes nothing new; what waits is answered.
pub async fn refuse_when_stopping(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let stopping = request
        .app_data::<web::Data<Api>>()
        .is_some_and(|api| api.draining.is_cancelled() && !request.path().starts_with("/health"));
    if stopping {
        let refusal = pages::or_problem(request.request(), &Problem::new(Code::Stopping));
        return Ok(request.into_response(refusal).map_into_boxed_body());
    }
    next.call(request)
        .await
        .map(ServiceResponse::map_into_boxed_body)
}

#[cfg(test)]
mod tests {
    use super::PORTAL;
    use crate::checkout::WEBHOOK_PATH;

    #[test]
    fn the_webhook_path_that_zenopay_is_given_is_the_one_that_is_served() {
        assert_eq!(WEBHOOK_PATH, format!("{PORTAL}/webhook/zenopay"));
    }
}
