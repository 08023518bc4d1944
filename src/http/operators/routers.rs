//! Routers: the clients of FreeRADIUS, and the script for each.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{
    KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type,
};

use super::schema::Body;
use super::{Answer, Caller, Code, Problem};
use crate::domain::access::{NewRouter, Router};
use crate::domain::people::Secret;
use crate::http::Api;
use crate::http::request::body_of;
use crate::radius::{fresh_secret, mikrotik};

/// Bytes of a body: a router has few properties.
const BODY_MAX: usize = 4 * 1024;

/// `GET` and `POST /nas`, `DELETE /nas/{id}`.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/nas", web::get().to(list))
        .route("/nas", web::post().to(add))
        .route("/nas/{id}", web::delete().to(remove));
}

/// A router, without its secret.
#[derive(Serialize, ToSchema)]
pub struct RouterLine {
    id: i32,
    /// The source of its packets.
    address: String,
    name: String,
    /// The port for Disconnect-Requests.
    coa_port: u16,
}

/// All routers.
#[derive(Serialize, ToSchema)]
pub struct RouterList {
    routers: Vec<RouterLine>,
}

/// A new router.
#[derive(Deserialize, ToSchema)]
pub struct RouterBody {
    #[schema(schema_with = address)]
    address: String,
    #[schema(pattern = "^[A-Za-z0-9._-]{1,32}$")]
    name: String,
    /// Unset: a random one, which is in the script.
    #[schema(pattern = "^[A-Za-z0-9._-]{8,60}$")]
    secret: Option<String>,
    /// Unset: 3799.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 65_535)]
    coa_port: Option<f64>,
}

/// One IP address, of either kind.
fn address() -> Schema {
    let of = |format| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(format)))
    };
    OneOfBuilder::new()
        .item(of(KnownFormat::Ipv4))
        .item(of(KnownFormat::Ipv6))
        .into()
}

/// A router that was added.
#[derive(Serialize, ToSchema)]
pub struct RouterAdded {
    router: RouterLine,
    /// For the router's terminal; has the secret, and is shown once.
    mikrotik: String,
}

impl From<Router> for RouterLine {
    fn from(router: Router) -> Self {
        Self {
            id: router.id,
            address: router.address,
            name: router.name,
            coa_port: router.coa_port,
        }
    }
}

/// All routers that may use FreeRADIUS.
#[utoipa::path(get, path = "/api/v1/operator/nas", tag = "operator",
    responses(
        (status = 200, description = "The routers, without their secrets", body = RouterList)))]
pub async fn list(api: web::Data<Api>) -> Answer {
    let routers = api.store.routers().await?;
    let routers = routers.into_iter().map(Into::into).collect();
    Ok(HttpResponse::Ok().json(RouterList { routers }))
}

/// Lets a router use FreeRADIUS.
#[utoipa::path(post, path = "/api/v1/operator/nas", tag = "operator",
    request_body = RouterBody,
    responses(
        (status = 201, description = "The router, and the script for it", body = RouterAdded),
        (status = 403, description = "`forbidden`: a viewer may only read"),
        (status = 409, description = "`invalid_transition`: there is a router at this address"),
        (status = 422, description = "`invalid_request`: a value is at fault"), Body))]
pub async fn add(payload: web::Payload, caller: Caller) -> Answer {
    let body = body_of(payload, BODY_MAX).await?;
    let body: RouterBody = serde_json::from_slice(&body)
        .map_err(|fault| Problem::new(Code::InvalidRequest).detail(fault.to_string()))?;
    let coa_port = body.coa_port.map(whole).transpose()?;
    let secret = body.secret.map_or_else(fresh_secret, Secret::new);
    let new = NewRouter::parse(&body.address, &body.name, secret, coa_port)
        .map_err(|fault| Problem::new(Code::InvalidValue).detail(fault.to_string()))?;
    let name = &caller.operator().name;
    let added = caller.api.store.add_router(new, name).await?;
    let router = added.ok_or_else(|| {
        Problem::new(Code::InvalidTransition).detail("there is a router at this address already")
    })?;
    let mikrotik = mikrotik::script(&router, caller.api.site.radius_address.as_deref());
    let router = router.into();
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(RouterAdded { router, mikrotik }))
}

/// A whole number. JSON Schema accepts 3799.0 as an integer, so we do too.
fn whole(number: f64) -> Result<u32, Problem> {
    let whole = format!("{number:.0}").parse().ok();
    let whole = whole.filter(|_| number.fract() == 0.0);
    let fault = || Problem::new(Code::InvalidRequest).detail("a port is a whole number");
    whole.ok_or_else(fault)
}

/// Removes a router, if it is there. FreeRADIUS forgets it within a minute.
#[utoipa::path(delete, path = "/api/v1/operator/nas/{id}", tag = "operator",
    params(("id" = String, Path)),
    responses(
        (status = 204, description = "It is removed"),
        (status = 403, description = "`forbidden`: a viewer may only read"),
        (status = 404, description = "`not_found`: that is no router's number")))]
pub async fn remove(id: web::Path<String>, caller: Caller) -> Answer {
    let id = id
        .parse()
        .map_err(|_| Problem::new(Code::NotFound).detail("that is no router's number"))?;
    let name = &caller.operator().name;
    caller.api.store.remove_router(id, name).await?;
    Ok(HttpResponse::NoContent().finish())
}
