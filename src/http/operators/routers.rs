//! Routers: the clients of FreeRADIUS, and the script for each.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{
    KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type,
};

use super::router_edit::{
    Entered, add_router, change_router, remove_router, router_named, script_of,
};
use super::{Answer, Caller, Code, Problem};
use crate::domain::access::{Router, RouterKind};
use crate::http::Api;
use crate::http::request::object_of;

/// All routers.
#[derive(Serialize, ToSchema)]
pub struct RouterList {
    routers: Vec<Router>,
}

/// A new router.
#[derive(Deserialize, ToSchema)]
pub struct RouterBody {
    #[schema(schema_with = address)]
    address: String,
    #[schema(pattern = "^[A-Za-z0-9._-]{1,32}$")]
    name: String,
    #[serde(flatten)]
    more: RouterValues,
}

/// Other values of a router; what is missing stays as it is.
#[derive(Deserialize, ToSchema)]
pub struct RouterChange {
    #[schema(schema_with = address)]
    address: Option<String>,
    #[schema(pattern = "^[A-Za-z0-9._-]{1,32}$")]
    name: Option<String>,
    #[serde(flatten)]
    more: RouterValues,
}

/// What a new router need not have.
#[derive(Deserialize, ToSchema)]
pub struct RouterValues {
    /// Its NAS-Identifier, by which routers behind one address are told apart. Blank: its name.
    #[schema(pattern = "^[A-Za-z0-9@._:/ -]{0,64}$")]
    identifier: Option<String>,
    /// Unset: `mikrotik`.
    #[serde(rename = "type")]
    #[schema(value_type = Option<RouterKind>)]
    kind: Option<String>,
    /// It is never shown. Unset: a random one, or that of the routers at the same address.
    #[schema(pattern = "^[A-Za-z0-9._-]{8,60}$", write_only)]
    secret: Option<String>,
    /// Unset: 3799.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 65_535)]
    coa_port: Option<f64>,
    /// FreeRADIUS answers its log-ins only with a Message-Authenticator, which RouterOS sends from
    /// 7.15 on. Unset: no.
    require_message_auth: Option<bool>,
}

impl RouterValues {
    fn entered(self, address: Option<String>, name: Option<String>) -> Result<Entered, Problem> {
        Ok(Entered {
            address,
            name,
            identifier: self.identifier,
            kind: self.kind,
            secret: self.secret,
            coa_port: self.coa_port.map(whole).transpose()?,
            require_message_auth: self.require_message_auth,
        })
    }
}

/// One IP address of either kind, a network, or any address.
fn address() -> Schema {
    let of = |format| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(format)))
    };
    let text = |pattern: &str| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(pattern))
    };
    OneOfBuilder::new()
        .item(of(KnownFormat::Ipv4))
        .item(of(KnownFormat::Ipv6))
        .item(text("^[0-9a-fA-F.:]+/[0-9]{1,3}$"))
        .item(text("^any$"))
        .into()
}

/// A router that was added.
#[derive(Serialize, ToSchema)]
pub struct RouterAdded {
    router: Router,
    /// A script for the terminal of a MikroTik, with the secret; null for a router of another type.
    mikrotik: Option<String>,
}

/// All routers that may use FreeRADIUS.
#[utoipa::path(get, path = "/api/v1/operator/routers", tag = "operator",
    responses(
        (status = 200, description = "The routers, without their secrets", body = RouterList)))]
pub async fn list(api: web::Data<Api>) -> Answer {
    let routers = api.store.routers().await?;
    Ok(HttpResponse::Ok().json(RouterList { routers }))
}

/// The same, by its earlier name.
#[utoipa::path(get, path = "/api/v1/operator/nas", tag = "operator",
    responses(
        (status = 200, description = "The routers, without their secrets", body = RouterList)))]
pub async fn list_nas(api: web::Data<Api>) -> Answer {
    list(api).await
}

/// Lets a router use FreeRADIUS.
#[utoipa::path(post, path = "/api/v1/operator/routers", tag = "operator",
    request_body = RouterBody,
    responses(
        (status = 201, description = "The router, and the script for it", body = RouterAdded),
        (status = 409, description = "`invalid_transition`: another router has the address or the name, or \
            the secret differs from that of the routers at the same address"),
        (status = 422, description = "`invalid_request`: a value is not valid, or the address is one of \
            IPv6 and FreeRADIUS does not answer over IPv6")))]
pub async fn add(payload: web::Payload, caller: Caller) -> Answer {
    let body: RouterBody = object_of(payload).await?;
    let entered = body.more.entered(Some(body.address), Some(body.name))?;
    let router = add_router(entered, &caller).await?;
    let mikrotik = script_of(&router, &caller).await?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(RouterAdded { router, mikrotik }))
}

/// The same, by its earlier name.
#[utoipa::path(post, path = "/api/v1/operator/nas", tag = "operator",
    request_body = RouterBody,
    responses(
        (status = 201, description = "The router, and the script for it", body = RouterAdded),
        (status = 409, description = "`invalid_transition`"),
        (status = 422, description = "`invalid_request`")))]
pub async fn add_nas(payload: web::Payload, caller: Caller) -> Answer {
    add(payload, caller).await
}

/// Gives a router other values. FreeRADIUS reads them within a minute.
#[utoipa::path(patch, path = "/api/v1/operator/routers/{name}", tag = "operator",
    params(("name" = String, Path)),
    request_body = RouterChange,
    responses(
        (status = 200, description = "The router as it is now", body = Router),
        (status = 404, description = "`not_found`: there is no router of that name"),
        (status = 409, description = "`invalid_transition`: another router has the address or the name, or the \
            routers at the new address have another secret"),
        (status = 422, description = "`invalid_request`: a value is not valid, or the address is one of \
            IPv6 and FreeRADIUS does not answer over IPv6")))]
pub async fn change(name: web::Path<String>, payload: web::Payload, caller: Caller) -> Answer {
    let body: RouterChange = object_of(payload).await?;
    let entered = body.more.entered(body.address, body.name)?;
    let router = router_named(&name, &caller).await?;
    Ok(HttpResponse::Ok().json(change_router(&router, entered, &caller).await?))
}

/// Removes a router. FreeRADIUS forgets it within a minute.
#[utoipa::path(delete, path = "/api/v1/operator/routers/{name}", tag = "operator",
    params(("name" = String, Path)),
    responses(
        (status = 204, description = "It is removed"),
        (status = 404, description = "`not_found`: there is no router of that name"),
        (status = 409, description = "`invalid_transition`: several routers have this name")))]
pub async fn remove(name: web::Path<String>, caller: Caller) -> Answer {
    remove_router(&router_named(&name, &caller).await?, None, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A whole number. JSON Schema accepts 3799.0 as an integer, so we do too.
fn whole(number: f64) -> Result<u32, Problem> {
    let whole = format!("{number:.0}").parse().ok();
    let whole = whole.filter(|_| number.fract() == 0.0);
    whole.ok_or_else(|| Code::InvalidRequest.detail("a port is a whole number"))
}

/// Removes a router, if it is there. FreeRADIUS forgets it within a minute.
#[utoipa::path(delete, path = "/api/v1/operator/nas/{id}", tag = "operator",
    params(("id" = String, Path)),
    responses(
        (status = 204, description = "It is removed"),
        (status = 404, description = "`not_found`: that is no router's number")))]
pub async fn remove_nas(id: web::Path<String>, caller: Caller) -> Answer {
    let id = id
        .parse()
        .map_err(|_| Code::NotFound.detail("that is no router's number"))?;
    let name = &caller.operator().name;
    caller.api.store.remove_router(id, name, None).await?;
    Ok(HttpResponse::NoContent().finish())
}
