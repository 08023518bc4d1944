//! The OpenAPI document.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY, VARY};
use actix_web::{Error, HttpRequest, HttpResponse, web};
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{RefOr, Response};
use utoipa::{Modify, OpenApi};

use super::api::OPERATOR;
use super::compress::accepted;
use super::problem::{Code, Problem};
use crate::web::docs;

/// Every route of the API, described at its handler. Pages are left out.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "malipo",
        description = "Turns mobile-money webhooks into committed Wi-Fi sales, exactly once."
    ),
    paths(
        super::portal::packages,
        super::portal::purchase::pay,
        super::portal::purchase::resend,
        super::portal::poll::show,
        super::portal::poll::events,
        super::portal::voucher::show,
        super::portal::voucher::captive,
        super::webhook::receive,
        super::webhook::receive_with_token,
        super::operators::acts::erase,
        super::operators::actors::actors,
        super::operators::actors::actor,
        super::operators::actors::watch_actors,
        super::operators::orders::find_orders,
        super::operators::orders::show_order,
        super::operators::webhooks::list_webhooks,
        super::operators::webhooks::show_webhook,
        super::operators::routers::list_nas,
        super::operators::routers::add_nas,
        super::operators::routers::remove_nas,
        super::operators::routers::list,
        super::operators::routers::add,
        super::operators::routers::change,
        super::operators::routers::remove,
        super::operators::sessions::list,
        super::operators::sessions::disconnect,
        super::operators::acts::replay,
        super::operators::acts::reconcile,
        super::operators::acts::release,
        super::operators::acts::refund,
        super::operators::acts::reissue,
        super::operators::batches::print,
        super::operators::batches::show,
        super::operators::batches::revoke,
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
    modifiers(&Common)
)]
pub struct Document;

/// A failure that changed nothing.
const UNAVAILABLE: &str = "`unavailable`, `stopping`";
/// A failure after which the outcome of a write may be unknown.
const UNKNOWN: &str = "`busy`, `unavailable`, `commit_unknown`, `stopping`: send it again";

/// Adds the responses that many operations share, so that a handler describes only its own.
struct Common;

impl Modify for Common {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("operator", bearer);
        for (path, item) in &mut openapi.paths.paths {
            if let Some(read) = &mut item.get {
                describe(path, read, UNAVAILABLE);
            }
            let writes = [
                &mut item.post,
                &mut item.put,
                &mut item.patch,
                &mut item.delete,
            ];
            for write in writes.into_iter().flatten() {
                describe(path, write, UNKNOWN);
                add_response(write, "500", "`internal`");
                if path.starts_with(OPERATOR) {
                    add_response(write, "403", "`forbidden`");
                }
                if write.request_body.is_some() {
                    add_response(write, "400", "`invalid_request`");
                    add_response(write, "413", "`payload_too_large`");
                }
            }
        }
    }
}

/// Describes what an operation has in common with the others; `failure` is its 503.
fn describe(path: &str, operation: &mut Operation, failure: &str) {
    let parameters = operation.parameters.iter_mut().flatten();
    parameters.for_each(forbid_null);
    if !path.starts_with("/health") {
        add_response(operation, "503", failure);
    }
    if path.starts_with(OPERATOR) {
        let scopes: [&str; 0] = [];
        operation.security = Some(vec![SecurityRequirement::new("operator", scopes)]);
        add_response(operation, "401", "`unauthorized`");
        if path.contains("{order_id}") {
            add_response(operation, "404", "`order_not_found`");
            add_response(operation, "409", "`ambiguous_ref`");
        }
    }
}

/// Adds a response, unless the handler documents this status itself.
fn add_response(operation: &mut Operation, status: &str, description: &str) {
    let answers = &mut operation.responses.responses;
    answers
        .entry(status.to_owned())
        .or_insert_with(|| RefOr::T(Response::new(description)));
}

/// Removes `null` from the type of an optional parameter: a header or query parameter cannot be
/// null.
fn forbid_null(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(Parameter {
        schema: Some(RefOr::T(Schema::Object(object))),
        ..
    }) = parameter
    else {
        return;
    };
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
        (status = 401, description = "`unauthorized`: a token is needed, except on the server's own machine without a proxy")))]
pub async fn document() -> HttpResponse {
    HttpResponse::Ok().json(Document::openapi())
}

/// A file of the page that shows this document.
pub async fn page(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, Error> {
    let file = docs::find(&name).ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((VARY, "accept-encoding"))
        .insert_header((CONTENT_SECURITY_POLICY, docs::POLICY))
        .content_type(file.content_type.as_str());
    let Some(coding) = accepted(&request) else {
        return Ok(answer.body(file.body.clone()));
    };
    // The first time it is compressed, which would delay the other clients of this worker.
    let coded = file.clone();
    Ok(match web::block(move || coded.encoded(coding)).await? {
        Some(encoded) => answer
            .insert_header((CONTENT_ENCODING, coding.name()))
            .body(encoded),
        None => answer.body(file.body.clone()),
    })
}

/// The methods of every path, for `Allow`.
static METHODS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let paths = Document::openapi().paths.paths;
    let methods = paths.into_iter().map(|(path, item)| {
        let names = [
            item.get.map(|_| "GET"),
            // For load balancers; see `front_door`.
            path.starts_with("/health/").then_some("HEAD"),
            item.post.map(|_| "POST"),
            item.put.map(|_| "PUT"),
            item.patch.map(|_| "PATCH"),
            item.delete.map(|_| "DELETE"),
        ];
        let names: Vec<_> = names.into_iter().flatten().collect();
        (path, names.join(", "))
    });
    methods.collect()
});

/// The methods of a route; `None` for one that is not in the document.
pub fn methods_of(route: &str) -> Option<&'static str> {
    METHODS.get(route).map(String::as_str)
}
