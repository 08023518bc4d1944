//! The pages that phones and computers open to find out whether they are on-line: where we run inside the
//! hotspot, a router sends them here, and they lead to the shop.

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::{HttpResponse, web};

use super::Api;

/// Their paths, at any host. Android and ChromeOS; Apple; Windows; Firefox; Kindle; Ubuntu, GNOME and KDE.
pub const PATHS: [&str; 16] = [
    "/generate_204",
    "/gen_204",
    "/hotspot-detect.html",
    "/library/test/success.html",
    "/connecttest.txt",
    "/ncsi.txt",
    "/redirect",
    "/canonical.html",
    "/success.txt",
    "/success.html",
    "/kindle-wifi/wifistub.html",
    "/kindle-wifi/wifiredirect.html",
    "/connectivity-check",
    "/connectivity-check.html",
    "/check_network_status.txt",
    "/nm-check.txt",
];

/// To the shop. 302, because some systems take no other answer for that of a captive portal.
pub async fn lead(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((LOCATION, api.checkout.public_url.as_str()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}
