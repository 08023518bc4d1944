//! The log-in page of a MikroTik, with the address of this portal filled in: the router fetches it.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, ContentType,
};
use actix_web::{HttpResponse, web};

use super::Api;
use crate::web::CONTENT_SECURITY_POLICY as POLICY;

const PAGE: &str = include_str!("../../../deploy/mikrotik/login.html");
/// The address in that file, which an owner who uploads it by hand changes.
const PLACE: &str = "https://portal.example/";

/// The page as a file: a browser stores it and does not show it, because its script is not ours to run
/// here.
pub async fn show(api: web::Data<Api>) -> HttpResponse {
    let portal = &api.checkout.public_url;
    HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"login.html\""))
        .insert_header(ContentType::html())
        .body(PAGE.replace(PLACE, portal.as_str()))
}
