//! Routers: the clients of FreeRADIUS, and the script for each.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{
    KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type,
};

use super::{Answer, Caller, Code, Problem};
use crate::domain::access::{NewRouter, NotARouter, Router};
use crate::domain::people::Secret;
use crate::http::Api;
use crate::http::request::object_of;
use crate::radius::client::is_heard;
use crate::radius::fresh_secret;
use crate::radius::mikrotik::{self, MikroTik};

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
    /// Unset: a random one, which is in the script.
    #[schema(pattern = "^[A-Za-z0-9._-]{8,60}$")]
    secret: Option<String>,
    /// Unset: 3799.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 65_535)]
    coa_port: Option<f64>,
    /// FreeRADIUS answers its log-ins only with a Message-Authenticator, which RouterOS sends from
    /// 7.15 on. Unset: no.
    #[serde(default)]
    require_message_auth: bool,
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
    router: Router,
    /// A script for the router's terminal. It has the secret, and is shown once.
    mikrotik: String,
}

/// All routers that may use FreeRADIUS.
#[utoipa::path(get, path = "/api/v1/operator/nas", tag = "operator",
    responses(
        (status = 200, description = "The routers, without their secrets", body = RouterList)))]
pub async fn list(api: web::Data<Api>) -> Answer {
    let routers = api.store.routers().await?;
    Ok(HttpResponse::Ok().json(RouterList { routers }))
}

/// Lets a router use FreeRADIUS.
#[utoipa::path(post, path = "/api/v1/operator/nas", tag = "operator",
    request_body = RouterBody,
    responses(
        (status = 201, description = "The router, and the script for it", body = RouterAdded),
        (status = 409, description = "`invalid_transition`: there is a router at this address"),
        (status = 422, description = "`invalid_request`: a value is not valid, or the address is one of \
            IPv6 and FreeRADIUS does not answer over IPv6")))]
pub async fn add(payload: web::Payload, caller: Caller) -> Answer {
    let body: RouterBody = object_of(payload).await?;
    let coa_port = body.coa_port.map(whole).transpose()?;
    let secret = body.secret.map_or_else(fresh_secret, Secret::new);
    let fault = |fault: NotARouter| Code::InvalidValue.detail(fault);
    let new = NewRouter::parse(&body.address, &body.name, secret, coa_port).map_err(fault)?;
    let new = NewRouter {
        require_message_auth: body.require_message_auth,
        ..new
    };
    let server = caller.api.site.radius;
    is_heard(&new, server).await.map_err(fault)?;
    let name = &caller.operator().name;
    let added = caller.api.store.add_router(new, name).await?;
    let router = added.ok_or_else(|| {
        Code::InvalidTransition.detail("there is a router at this address already")
    })?;
    let mikrotik = mikrotik::script(&MikroTik {
        router: &router,
        radius_server: caller.api.site.radius_address.as_deref(),
        portal: caller.api.checkout.public_url.as_str(),
        portal_addresses: &mikrotik::fixed_address(&caller.api.checkout.public_url),
    });
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(RouterAdded { router, mikrotik }))
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
pub async fn remove(id: web::Path<String>, caller: Caller) -> Answer {
    let id = id
        .parse()
        .map_err(|_| Code::NotFound.detail("that is no router's number"))?;
    let name = &caller.operator().name;
    caller.api.store.remove_router(id, name).await?;
    Ok(HttpResponse::NoContent().finish())
}
