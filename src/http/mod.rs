//! HTTP: all routes, and the middleware of every response. The handlers are in the other
//! files: each extracts the request, makes one call and converts the result.

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::{Error, Route, web};

mod api;
pub mod auth;
mod client;
mod compress;
pub mod console;
mod cross_site;
mod doctor;
mod front_door;
pub mod health;
mod openapi;
pub mod operators;
mod pages;
mod portal;
pub mod problem;
mod readiness;
mod request;
pub mod sandbox;
mod unrouted;
mod webhook;

pub use api::{Api, Checks, HELPED_MAX, History, STREAMS_MAX, Site};
pub use client::Clients;
pub use compress::compress;
pub use cross_site::refuse_cross_site;
pub use doctor::DOCTOR_HEADER;
pub use front_door::{FrontDoor, inspect};
pub use readiness::Readiness;

use api::{OPERATOR, PORTAL};
use operators::{acts, reports};
use problem::{Code, Problem};
use unrouted::no_such_page;

/// Every route.
#[rustfmt::skip] // A table is read by its columns.
pub fn routes(config: &mut web::ServiceConfig, sandbox: Option<crate::sandbox::Sandbox>) {
    let query = web::QueryConfig::default().error_handler(|fault, _| {
        Code::InvalidQuery.detail(fault.to_string()).into()
    });
    config
        .app_data(query)
        .service(
            web::scope(PORTAL)
                .route("/packages", web::get().to(portal::packages))
                .route("/payment", counted(web::post().to(portal::purchase::pay)))
                .route("/payment/resend", counted(web::post().to(portal::purchase::resend)))
                .service(
                    web::resource("/payment/status/{order_id}")
                        .wrap(from_fn(portal::poll::shrink_headers))
                        .route(web::get().to(portal::poll::show))
                        .default_service(web::to(no_such_page)),
                )
                .route("/payment/status/{order_id}/events", web::get().to(portal::poll::events))
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
        .route("/health/live", web::get().to(health::live))
        .route("/health/ready", web::get().to(health::ready))
        .service(
            web::resource("/metrics")
                .wrap(from_fn(auth::operators_only_unless_local))
                .route(web::get().to(health::metrics))
                .default_service(web::to(no_such_page)),
        )
        .service(
            web::resource("/openapi.json")
                .wrap(from_fn(auth::operators_only_unless_local))
                .route(web::get().to(openapi::document))
                .default_service(web::to(no_such_page)),
        )
        .route("/docs", web::get().to(async || web::Redirect::to("/docs/").see_other()))
        .route("/docs/{name:.*}", web::get().to(openapi::page))
        .configure(page_routes)
        .configure(console::routes);
    if let Some(sandbox) = sandbox {
        config.app_data(web::Data::new(sandbox)).configure(sandbox_routes);
    }
    config.default_service(web::to(no_such_page));
}

/// The JSON API of operators.
#[rustfmt::skip] // A table is read by its columns.
fn operator_routes(config: &mut web::ServiceConfig) {
    config
        .route("/customers/erase", web::post().to(acts::erase))
        .route("/actors", web::get().to(operators::actors::actors))
        .route("/actors/{order_id}", web::get().to(operators::actors::actor))
        .route("/events", web::get().to(operators::actors::watch_actors))
        .route("/orders", web::get().to(operators::orders::find_orders))
        .route("/orders/{order_id}", web::get().to(operators::orders::show_order))
        .route("/webhooks", web::get().to(operators::webhooks::list_webhooks))
        .route("/webhooks/{id}", web::get().to(operators::webhooks::show_webhook))
        .route("/nas", web::get().to(operators::routers::list_nas))
        .route("/nas", web::post().to(operators::routers::add_nas))
        .route("/nas/{id}", web::delete().to(operators::routers::remove_nas))
        .route("/routers", web::get().to(operators::routers::list))
        .route("/routers", web::post().to(operators::routers::add))
        .route("/routers/{name}", web::patch().to(operators::routers::change))
        .route("/routers/{name}", web::delete().to(operators::routers::remove))
        .route("/sessions", web::get().to(operators::sessions::list))
        .route("/sessions/{id}/disconnect", web::post().to(operators::sessions::disconnect))
        .route("/webhooks/{id}/replay", web::post().to(acts::replay))
        .route("/orders/{order_id}/reconcile", web::post().to(acts::reconcile))
        .route("/orders/{order_id}/release", web::post().to(acts::release))
        .route("/orders/{order_id}/refund", web::post().to(acts::refund))
        .route("/orders/{order_id}/reissue", web::post().to(acts::reissue))
        .route("/vouchers/batches", web::post().to(operators::batches::print))
        .route("/vouchers/batches/{id}", web::get().to(operators::batches::show))
        .route("/vouchers/batches/{id}/revoke", web::post().to(operators::batches::revoke))
        .route("/vouchers/{code}", web::get().to(operators::vouchers::show_voucher))
        .route("/vouchers/{code}/revoke", web::post().to(operators::vouchers::revoke))
        .route("/sms/{id}/resend", web::post().to(acts::resend))
        .route("/outbox/hold", web::get().to(acts::show_hold))
        .route("/outbox/hold/release", web::post().to(acts::release_hold))
        .route("/reports/daily", web::get().to(reports::daily));
}

/// The pages of guests. A GET on the path of a form happens when the browser reloads its answer: it
/// redirects.
#[rustfmt::skip] // A table is read by its columns.
fn page_routes(config: &mut web::ServiceConfig) {
    use pages::{connect, order, owner_link, paid, shop, state, voucher};
    config
        .route("/", page(web::get().to(shop::show)))
        .route("/buy", counted(page(web::post().to(shop::buy))))
        .route("/buy", page(web::get().to(shop::back)))
        .route("/order/{order_id}", page(web::get().to(order::show)))
        .route("/order/{order_id}/again", counted(page(web::post().to(order::again))))
        .route("/order/{order_id}/again", page(web::get().to(order::back)))
        .route("/order/{order_id}/let-go", counted(page(web::post().to(order::let_go))))
        .route("/order/{order_id}/let-go", page(web::get().to(order::back)))
        .route("/state/{token}", page(web::get().to(state::show)))
        .route("/paid", page(web::get().to(paid::show)))
        .route("/paid", counted(page(web::post().to(paid::send))))
        .route("/voucher", page(web::get().to(voucher::show)))
        .route("/voucher", counted(page(web::post().to(voucher::find))))
        .route("/router/login.html", web::get().to(pages::router_page::page))
        .route("/router/api.json", web::get().to(pages::router_page::captive))
        .route("/connect", counted(page(web::post().to(connect::log_in))))
        .route("/connect", page(web::get().to(connect::back)))
        .route("/v/{token}", page(web::get().to(owner_link::show)))
        .route("/v/{token}/reissue", page(web::get().to(owner_link::ask)))
        .route("/v/{token}/reissue", page(web::post().to(owner_link::reissue)))
        .route("/assets/{name}", web::get().to(pages::asset));
}

/// The pages that devices open to find out whether they are on-line, where we run inside the hotspot.
pub fn probe_routes(config: &mut web::ServiceConfig, is_on_site: bool) {
    for path in pages::probe::PATHS.iter().filter(|_| is_on_site) {
        config.route(path, web::get().to(pages::probe::lead));
    }
}

/// The simulated ZenoPay, and the page of its phone.
#[rustfmt::skip] // A table is read by its columns.
fn sandbox_routes(config: &mut web::ServiceConfig) {
    use pages::handset;
    config
        .route("/sandbox/api/payments/mobile_money_tanzania", web::post().to(sandbox::create))
        .route("/sandbox/api/payments/order-status", web::get().to(sandbox::order_status))
        .route("/sandbox/payments", web::get().to(sandbox::payments))
        .route("/sandbox/payments/{order_id}/decide", web::post().to(sandbox::decide))
        .route("/sandbox/payments/{order_id}/approve", web::post().to(sandbox::approve))
        .route("/sandbox/payments/{order_id}/decline", web::post().to(sandbox::decline))
        .service(
            web::resource("/sandbox/behaviour")
                .route(web::get().to(sandbox::behaviour))
                .route(web::put().to(sandbox::set_behaviour))
                .route(web::post().to(sandbox::post_behaviour))
                .default_service(web::to(no_such_page)),
        )
        .route("/sandbox", page(web::get().to(handset::show)))
        .route("/sandbox/phone", page(web::post().to(handset::switch)))
        .route("/sandbox/phone/{order_id}", page(web::post().to(handset::answer)));
}

/// Shows the problems of a route as HTML pages.
fn page(route: Route) -> Route {
    route.wrap(from_fn(pages::show_problem))
}

/// Counts the refused requests of a route in their client's share of refusals.
fn counted(route: Route) -> Route {
    route.wrap(from_fn(count_refusals))
}

/// Counts a refused request, whatever is wrong with it. A client that has used its share of refusals
/// no longer learns the reason of the next ones. A request that is right is carried out all the same:
/// it may come from another guest behind the same address.
async fn count_refusals(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let answer = next.call(request).await?.map_into_boxed_body();
    let api = answer.request().app_data::<web::Data<Api>>();
    let counted = match api.filter(|_| answer.status().is_client_error()) {
        Some(api) => api.clients.count_refusal(answer.request()),
        None => Ok(()),
    };
    let Err(refusal) = counted else {
        return Ok(answer);
    };
    let mut problem = Problem::from(refusal);
    // A phone's own limit may last longer.
    let wait = answer.headers().get(header::RETRY_AFTER);
    let wait = wait.and_then(|secs| secs.to_str().ok()?.parse().ok());
    problem.retry_after_secs = problem.retry_after_secs.max(wait);
    let refusal = pages::or_problem(answer.request(), &problem);
    Ok(answer.into_response(refusal))
}

/// A portal's tracing adds these to each of its requests: W3C Trace Context, W3C Baggage, Sentry.
const TRACE_HEADERS: [&str; 4] = ["traceparent", "tracestate", "baggage", "sentry-trace"];

/// Allows pages of these origins to call the API of the portal, without credentials.
pub fn cors(allowed_origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "POST"])
        .allowed_headers([header::ACCEPT_LANGUAGE, header::CONTENT_TYPE])
        .allowed_header("idempotency-key")
        .allowed_headers(TRACE_HEADERS)
        .expose_headers([header::RETRY_AFTER])
        .max_age(3_600);
    allowed_origins
        .iter()
        .fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// The headers of every answer. With `https`, browsers must use HTTPS from now on (HSTS).
pub fn headers(https: bool) -> DefaultHeaders {
    let headers = DefaultHeaders::new()
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((header::REFERRER_POLICY, "same-origin"))
        .add((header::X_FRAME_OPTIONS, "DENY"))
        .add(("cross-origin-opener-policy", "same-origin"));
    if https {
        headers.add((header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"))
    } else {
        headers
    }
}

/// Refuses new requests while the server stops; requests under way are finished.
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
    Ok(next.call(request).await?.map_into_boxed_body())
}

#[cfg(test)]
mod tests {
    use super::PORTAL;
    use crate::checkout::WEBHOOK_PATH;

    #[test]
    fn zenopay_is_given_the_webhook_path_that_is_served() {
        assert_eq!(WEBHOOK_PATH, format!("{PORTAL}/webhook/zenopay"));
    }
}
