//! The API of the captive portal: the price list is here; purchases, status and vouchers are in the
//! submodules.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::problem::Problem;
use super::request::language;
use crate::domain::catalog::{CURRENCY, Terms};

pub(super) mod poll;
pub(super) mod purchase;
pub(super) mod status;
pub(super) mod voucher;

/// One line of the price list.
#[derive(Serialize, ToSchema)]
pub struct PackageLine {
    id: i64,
    name: String,
    price: i64,
    currency: &'static str,
    #[serde(flatten)]
    terms: Terms,
}

/// The price list.
#[derive(Serialize, ToSchema)]
pub struct PackageList {
    status: &'static str,
    packages: Vec<PackageLine>,
}

/// What is on sale.
#[utoipa::path(get, path = "/api/v1/customer-portal/packages", tag = "portal",
    params(("Accept-Language" = Option<String>, Header, description = "`sw` or `en`")),
    responses((status = 200, description = "The price list", body = PackageList)))]
pub async fn packages(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let language = language(request.headers());
    let packages = api.store.packages_on_sale().await?;
    let lines = packages.into_iter().map(|package| PackageLine {
        id: package.id,
        name: package.terms.name(language).to_owned(),
        price: package.price.0,
        currency: CURRENCY,
        terms: package.terms,
    });
    Ok(HttpResponse::Ok().json(PackageList {
        status: "success",
        packages: lines.collect(),
    }))
}
