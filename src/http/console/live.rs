//! The machinery as it runs.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use super::{HOME, answer, desk, see};
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::operators::actors::glance;
use crate::web::console::{Glance, LivePage, Section};

/// The machinery now; the page's script goes on.
pub async fn show(visitor: web::ReqData<Visitor>, api: web::Data<Api>) -> HttpResponse {
    let desk = desk(&api, &visitor, Section::Live).await;
    let page = LivePage::new(desk, Glance::new(glance(&api)), api.history.json());
    answer(StatusCode::OK, &page)
}

/// As a person types it.
pub async fn home() -> HttpResponse {
    see(HOME)
}
