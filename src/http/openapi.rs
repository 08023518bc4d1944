//! The contract as a machine reads it, and a page that shows it without the Internet.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::schema::{Object, Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{RefOr, Response};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

use super::auth;

/// Every route that machines use, described where it is handled; pages for people are not in
/// here.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "malipo",
        description = "Turns mobile-money webhooks into committed Wi-Fi sales, exactly once."
    ),
    paths(
        super::portal::packages,
        super::portal::pay,
        super::portal::resend::resend,
        super::portal::status::show,
        super::portal::status::events,
        super::portal::voucher::show,
        super::portal::voucher::captive,
        super::webhook::receive,
        super::webhook::receive_with_token,
        super::operators::customers::erase,
        super::operators::actors::actors,
        super::operators::actors::actor,
        super::operators::events::watch_actors,
        super::operators::orders::find_orders,
        super::operators::orders::show_order,
        super::operators::webhooks::list_webhooks,
        super::operators::webhooks::show_webhook,
        super::operators::routers::list,
        super::operators::routers::add,
        super::operators::routers::remove,
        super::operators::acts::replay,
        super::operators::acts::reconcile,
        super::operators::acts::release,
        super::operators::acts::refund,
        super::operators::acts::reissue,
        super::operators::vouchers::show_voucher,
        super::operators::vouchers::revoke,
        super::operators::acts::resend,
        super::operators::acts::show_hold,
        super::operators::acts::release_hold,
        super::operators::reports::daily,
        super::health::live,
        super::health::ready,
        super::health::metrics,
        document,
        super::sandbox::create,
        super::sandbox::order_status,
        super::sandbox::payments,
        super::sandbox::behaviour,
        super::sandbox::set_behaviour,
        super::sandbox::post_behaviour,
        super::sandbox::decide,
        super::sandbox::approve,
        super::sandbox::decline,
    ),
    modifiers(&OperatorToken, &LeftOut)
)]
pub struct Document;

/// What all operators' paths have in common: the token, and how it is refused.
struct OperatorToken;

impl Modify for OperatorToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("operator", bearer);
        for (path, item) in &mut openapi.paths.paths {
            if !path.starts_with(super::OPERATOR) {
                continue;
            }
            let writes = [&mut item.post, &mut item.delete];
            for operation in writes.into_iter().flatten() {
                may_answer(operation, "403", "`forbidden`");
            }
            let all = [&mut item.get, &mut item.post, &mut item.delete];
            for operation in all.into_iter().flatten() {
                may_answer(operation, "401", "`unauthorized`");
                let scopes: [&str; 0] = [];
                operation.security = Some(vec![SecurityRequirement::new("operator", scopes)]);
            }
        }
    }
}

/// Adds an answer, unless the path describes it in other words.
fn may_answer(operation: &mut Operation, status: &str, description: &str) {
    let answers = &mut operation.responses.responses;
    answers
        .entry(status.to_owned())
        .or_insert_with(|| RefOr::T(Response::new(description)));
}

/// A parameter that may be left out is not one that may be null: there is no null in a header or
/// a query.
struct LeftOut;

impl Modify for LeftOut {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for item in openapi.paths.paths.values_mut() {
            let operations = [
                &mut item.get,
                &mut item.post,
                &mut item.put,
                &mut item.delete,
            ];
            let parameters = operations
                .into_iter()
                .flatten()
                .flat_map(|operation| operation.parameters.iter_mut().flatten());
            for parameter in parameters {
                if let RefOr::T(Parameter {
                    schema: Some(RefOr::T(Schema::Object(object))),
                    ..
                }) = parameter
                {
                    forbid_null(object);
                }
            }
        }
    }
}

fn forbid_null(object: &mut Object) {
    if let SchemaType::Array(types) = &mut object.schema_type {
        types.retain(|kind| *kind != Type::Null);
        if let [only] = types.as_slice() {
            object.schema_type = SchemaType::Type(only.clone());
        }
    }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "health",
    responses(
        (status = 200, description = "OpenAPI 3.1"),
        (status = 401, description = "`unauthorized`: behind a proxy the token is needed")))]
pub async fn document() -> HttpResponse {
    HttpResponse::Ok().json(Document::openapi())
}

/// The document, and the page that draws it.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/openapi.json")
                .wrap(from_fn(auth::operators_only_from_afar))
                .route(web::get().to(document))
                .default_service(web::to(super::no_such_page)),
        )
        .route("/docs", web::get().to(to_docs))
        .service(
            // Unless told otherwise the page shows an image of validator.swagger.io, which
            // learns our address, and is never loaded where there is no Internet.
            SwaggerUi::new("/docs/{_:.*}")
                .config(utoipa_swagger_ui::Config::from("/openapi.json").validator_url("none")),
        );
}

/// The methods of every path, as `Allow` tells them.
static METHODS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let paths = Document::openapi().paths.paths;
    let told = paths.into_iter().map(|(path, item)| {
        let methods = [
            ("GET", item.get.is_some()),
            // Only load balancers ask with it; see `get_or_head`.
            ("HEAD", path.starts_with("/health/")),
            ("POST", item.post.is_some()),
            ("PUT", item.put.is_some()),
            ("DELETE", item.delete.is_some()),
        ];
        let served = methods.iter().filter(|(_, is_served)| *is_served);
        let names: Vec<_> = served.map(|(name, _)| *name).collect();
        (path, names.join(", "))
    });
    told.collect()
});

/// The methods that the path of a request has; `None` if machines know no such path, or it is
/// not served in this mode.
pub fn methods_of(request: &HttpRequest) -> Option<&'static str> {
    let path = request.match_pattern()?;
    METHODS.get(&path).map(String::as_str)
}

async fn to_docs() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header(("location", "/docs/"))
        .finish()
}
