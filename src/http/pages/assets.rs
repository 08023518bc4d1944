//! Style, script and icon.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use crate::http::problem::{Code, Problem};
use crate::web::assets;

/// One asset; its URL names its content, so it may be kept for ever.
pub async fn serve(request: HttpRequest) -> HttpResponse {
    match assets::find(request.path()) {
        Some(asset) => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .content_type(asset.content_type)
            .body(asset.body),
        None => Problem::new(Code::NotFound).error_response(),
    }
}
