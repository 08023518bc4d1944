//! Pages for people: which request is answered by which page.
//!
//! The handlers call the checkout, the store and the status board as those of the API do; what
//! a page looks like is settled in [`crate::web`]. A problem is a page too, in the guest's
//! language.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION,
    RETRY_AFTER, VARY,
};
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, ResponseError, Route, web};
use askama::Template;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use super::problem::{Code, Problem};
use super::request::{body_of, language};
use super::{Api, get_or_head};
use crate::domain::order::ids::OrderId;
use crate::domain::people::language::Language;
use crate::web::{ErrorPage, Frame, PageError, Shop, Visit, assets, draw};

mod bought;
pub mod handset;
mod order;
mod owner_link;
mod paid;
mod shop;

/// A form has no need of more.
const FORM_MAX: usize = 16 * 1024;
/// After this many seconds a page that cannot be shown now is asked for again.
const AWAY_RETRY_SECS: u64 = 5;

/// A page, or the problem that is drawn in its place.
type Page = Result<HttpResponse, Problem>;

/// Every page of the guest.
#[rustfmt::skip] // A table is read by its columns.
pub fn routes(config: &mut web::ServiceConfig) {
    let shown = || web::route().guard(get_or_head());
    config
        .route("/", page(shown().to(shop::show)))
        .route("/buy", page(web::post().to(shop::buy)))
        // For a guest who reloads what a form has answered.
        .route("/buy", page(web::get().to(shop::back)))
        .route("/order/{order_id}", page(web::get().to(order::show)))
        .route("/order/{order_id}/again", page(web::post().to(order::again)))
        .route("/order/{order_id}/again", page(web::get().to(order::back)))
        .route("/state/{token}", page(web::get().to(bought::show)))
        .route("/paid", page(web::get().to(paid::show)))
        .route("/paid", page(web::post().to(paid::send)))
        .route("/v/{token}", page(shown().to(owner_link::show)))
        .route("/v/{token}/reissue", page(web::get().to(owner_link::ask)))
        .route("/v/{token}/reissue", page(web::post().to(owner_link::reissue)))
        .route("/assets/{name}", web::get().to(asset));
}

/// A route whose problems are pages.
fn page(route: Route) -> Route {
    route.wrap(from_fn(draw_problem))
}

async fn draw_problem(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let answer = next.call(request).await?.map_into_boxed_body();
    let problem = answer
        .response()
        .error()
        .and_then(Error::as_error::<Problem>);
    match (problem, answer.request().app_data::<web::Data<Api>>()) {
        (Some(problem), Some(api)) => {
            let page = Visitor::of(answer.request(), &api.shop).problem(problem);
            Ok(answer.into_response(page))
        }
        _ => Ok(answer),
    }
}

/// Style, script and icon. An asset's URL names its content, so it may be kept for ever.
async fn asset(request: HttpRequest) -> Page {
    let asset = assets::find(request.path()).ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .content_type(asset.content_type)
        .body(asset.body))
}

/// The guest who looks at a page, and how.
pub struct Visitor {
    shop: Arc<Shop>,
    visit: Visit,
    language: Language,
    path: String,
}

impl Visitor {
    fn of(request: &HttpRequest, shop: &Arc<Shop>) -> Self {
        let visit = Visit::read(request.query_string(), shop);
        Self {
            shop: shop.clone(),
            language: visit.wish.unwrap_or_else(|| language(request.headers())),
            visit,
            path: request.path().to_owned(),
        }
    }

    /// The frame of this page.
    fn frame(&self) -> Frame<'_> {
        self.frame_at(&self.path)
    }

    /// The frame of a page that is to be found at another path.
    fn frame_at(&self, path: &str) -> Frame<'_> {
        Frame::new(&self.shop, &self.visit, self.language, path)
    }

    /// A page as it goes out.
    fn answer(&self, status: StatusCode, page: &impl Template) -> HttpResponse {
        HttpResponse::build(status)
            .insert_header((CONTENT_SECURITY_POLICY, crate::web::CONTENT_SECURITY_POLICY))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((CONTENT_LANGUAGE, self.language.tag()))
            .insert_header((VARY, "accept-language"))
            .content_type("text/html; charset=utf-8")
            .body(draw(page))
    }

    /// The page for what the API would call a problem.
    fn problem(&self, problem: &Problem) -> HttpResponse {
        let status = problem.status_code();
        let trouble = match status {
            _ if problem.code() == Code::OrderNotFound => PageError::NoOrder,
            StatusCode::SERVICE_UNAVAILABLE => PageError::Away,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => PageError::NoPage,
            _ => PageError::Internal,
        };
        let href = self.visit.link(&self.path);
        let page = ErrorPage::new(self.frame(), trouble, &href);
        let answer = self.answer(status, &page);
        match trouble {
            PageError::Away => come_again(answer, AWAY_RETRY_SECS),
            PageError::NoOrder | PageError::NoPage | PageError::Internal => answer,
        }
    }

    /// Leads to another page of ours, to be got anew.
    fn see(&self, path: &str) -> HttpResponse {
        HttpResponse::SeeOther()
            .insert_header((LOCATION, self.visit.link(path)))
            .insert_header((CACHE_CONTROL, "no-store"))
            .finish()
    }
}

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let api = request.app_data::<web::Data<Api>>();
        ready(match api {
            Some(api) => Ok(Self::of(request, &api.shop)),
            None => Err(Problem::new(Code::Internal)),
        })
    }
}

/// Says after how many seconds to come again.
fn come_again(mut answer: HttpResponse, secs: u64) -> HttpResponse {
    let secs = HeaderValue::from(secs);
    answer.headers_mut().insert(RETRY_AFTER, secs);
    answer
}

/// A problem, as a page for a client that wants pages and as JSON for all others.
pub fn or_problem(request: &HttpRequest, problem: &Problem) -> HttpResponse {
    let wants_page = request
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    match request.app_data::<web::Data<Api>>() {
        Some(api) if wants_page && !request.path().starts_with("/api/") => {
            Visitor::of(request, &api.shop).problem(problem)
        }
        _ => problem.error_response(),
    }
}

/// The fields of a form, in the order in which they were sent.
#[derive(Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form of at most 16 KiB.
    ///
    /// # Errors
    /// A 400 if it does not come whole, a 413 if it is larger.
    pub async fn read(payload: web::Payload) -> Result<Self, Problem> {
        let body = body_of(payload, FORM_MAX).await?;
        let fields = url::form_urlencoded::parse(&body).into_owned().collect();
        Ok(Self(fields))
    }

    /// The first field of that name; empty if there is none.
    pub fn field(&self, name: &str) -> &str {
        let field = self.0.iter().find(|(known, _)| known == name);
        field.map_or("", |(_, value)| value.as_str())
    }

    /// All fields, by name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromRequest for Form {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = web::Payload::from_request(request, payload).into_inner();
        async move {
            let payload = payload.map_err(|_| Problem::new(Code::InvalidRequest))?;
            Self::read(payload).await
        }
        .boxed_local()
    }
}

/// The path of an order's page, which opens the voucher: for the browser that bought alone.
fn order_path(order_id: OrderId) -> String {
    format!("/order/{order_id}")
}

/// Names one attempt to buy, for the form that starts it.
fn fresh_key() -> String {
    Uuid::new_v4().simple().to_string()
}
