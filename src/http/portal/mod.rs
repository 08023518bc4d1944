//! The API of the captive portal: the price list is here; purchases, status and vouchers are in the
//! submodules.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::problem::Problem;
use super::request::language;
use crate::domain::catalog::CURRENCY;

pub(super) mod poll;
pub(super) mod purchase;
pub(super) mod status;
pub(super) mod voucher;

/// One line of the price list.
#[derive(Serialize, ToSchema)]
pub struct PackageLine {
    id: i64,
    code: String,
    name: String,
    price: i64,
    currency: &'static str,
    duration_minutes: i32,
    validity: &'static str,
    data_limit_mb: Option<i32>,
    download_kbps: i32,
    upload_kbps: i32,
    shared_devices: i32,
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
        duration_minutes: package.terms.duration_minutes,
        validity: package.terms.validity.as_str(),
        data_limit_mb: package.terms.data_limit_mb,
        download_kbps: package.terms.download_kbps,
        upload_kbps: package.terms.upload_kbps,
        shared_devices: package.terms.shared_devices,
        code: package.terms.code,
    });
    Ok(HttpResponse::Ok().json(PackageList {
        status: "success",
        packages: lines.collect(),
    }))
}
