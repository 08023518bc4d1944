//! The files of a MikroTik's hotspot, with the address of this portal filled in: the router fetches them.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, ContentType,
};
use actix_web::{HttpResponse, web};

use super::Api;
use crate::web::CONTENT_SECURITY_POLICY as POLICY;

const PAGE: &str = include_str!("../../../deploy/mikrotik/login.html");
/// What phones ask the router for (RFC 8908).
const API: &str = include_str!("../../../deploy/mikrotik/api.json");
/// The address in `login.html`, which an owner who uploads it by hand changes.
const PLACE: &str = "https://portal.example/";

/// The log-in page.
pub async fn page(api: web::Data<Api>) -> HttpResponse {
    let portal = &api.checkout.public_url;
    file("login.html", PAGE.replace(PLACE, portal.as_str()))
}

/// The router's own answer to phones, whose variables it fills in.
pub async fn captive() -> HttpResponse {
    file("api.json", API.to_owned())
}

/// A browser stores the file and does not show it, because its script is not ours to run here.
fn file(name: &str, text: String) -> HttpResponse {
    let how = format!("attachment; filename=\"{name}\"");
    HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, how))
        .insert_header(ContentType::html())
        .body(text)
}
