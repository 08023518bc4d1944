//! Pages for people: who asks for what, and which page answers.
//!
//! The handlers call the checkout, the store and the status board as those of the API do; what
//! a page looks like is settled in [`crate::web`]. Whatever goes wrong is a page too, in the
//! guest's language.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, LOCATION, RETRY_AFTER, VARY,
};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use uuid::Uuid;

use super::problem::{Code, Problem};
use super::request::{body_of, language};
use super::{Api, get_or_head};
use crate::domain::order::ids::OrderId;
use crate::domain::people::language::Language;
use crate::web::{Frame, Shop, Trouble, TroublePage, Visit, draw};

mod assets;
mod bought;
pub mod handset;
mod order;
mod owner_link;
mod paid;
mod shop;

/// A form has no need of more.
const FORM_MAX: usize = 16 * 1024;
/// After this many seconds a page that cannot be shown now is asked for again.
const AWAY_RETRY_SECS: &str = "5";

/// Every page of the guest.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/", web::route().guard(get_or_head()).to(shop::show))
        .route("/buy", web::post().to(shop::buy))
        // Whoever reloads what a form has answered.
        .route("/buy", web::get().to(shop::back))
        .route("/order/{order_id}", web::get().to(order::show))
        .route("/order/{order_id}/again", web::post().to(order::again))
        .route("/order/{order_id}/again", web::get().to(order::back))
        .route("/state/{token}", web::get().to(bought::show))
        .route("/paid", web::get().to(paid::show))
        .route("/paid", web::post().to(paid::send))
        .route(
            "/v/{token}",
            web::route().guard(get_or_head()).to(owner_link::show),
        )
        .route("/v/{token}/reissue", web::get().to(owner_link::ask))
        .route("/v/{token}/reissue", web::post().to(owner_link::reissue))
        .route("/assets/{name}", web::get().to(assets::serve));
}

/// Who looks at a page, and how.
pub struct Visitor<'a> {
    shop: &'a Shop,
    visit: Visit,
    language: Language,
    path: String,
}

impl<'a> Visitor<'a> {
    fn of(request: &HttpRequest, shop: &'a Shop) -> Self {
        let visit = Visit::read(request.query_string(), shop);
        Self {
            shop,
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
        Frame::new(self.shop, &self.visit, self.language, path)
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

    /// A page that says what is the matter.
    fn trouble(&self, status: StatusCode, trouble: Trouble) -> HttpResponse {
        let href = self.visit.link(&self.path);
        let page = TroublePage::new(self.frame(), trouble, &href);
        let mut answer = self.answer(status, &page);
        if trouble == Trouble::Away {
            let secs = actix_web::http::header::HeaderValue::from_static(AWAY_RETRY_SECS);
            answer.headers_mut().insert(RETRY_AFTER, secs);
        }
        answer
    }

    /// The page for what the API would call a problem.
    fn problem(&self, problem: &Problem) -> HttpResponse {
        let status = problem.status_code();
        let trouble = match status {
            _ if problem.code() == Code::OrderNotFound => Trouble::NoOrder,
            StatusCode::SERVICE_UNAVAILABLE => Trouble::Away,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Trouble::NoPage,
            _ => Trouble::Internal,
        };
        self.trouble(status, trouble)
    }

    /// Leads to another page of ours, to be got anew.
    fn see(&self, path: &str) -> HttpResponse {
        HttpResponse::SeeOther()
            .insert_header((LOCATION, self.visit.link(path)))
            .insert_header((CACHE_CONTROL, "no-store"))
            .finish()
    }
}

/// A problem, as a page for who wants pages and as JSON for all others.
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
#[derive(Clone)]
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

    /// Reads a form about the order that the path names.
    ///
    /// # Errors
    /// As [`Self::read`], and a 404 if that is no order's name.
    async fn about(order_id: &str, payload: web::Payload) -> Result<(OrderId, Self), Problem> {
        let form = Self::read(payload).await?;
        Ok((order_in(order_id)?, form))
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

/// The path of an order's page, which opens the voucher: for the browser that bought alone.
fn order_path(order_id: OrderId) -> String {
    format!("/order/{order_id}")
}

/// The order that a path names.
fn order_in(path: &str) -> Result<OrderId, Problem> {
    let no_order = |_| Problem::new(Code::OrderNotFound);
    path.parse().map_err(no_order)
}

/// Names one attempt to buy, for the form that starts it.
fn fresh_key() -> String {
    Uuid::new_v4().simple().to_string()
}
