//! The pages of guests: each is a struct with a template, in the file of its handler.
//!
//! The handlers call the checkout, the store and the status board, as those of the API do. A
//! problem is a page too, in the language of the guest.

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, HeaderValue, VARY,
};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use notice::Notice;

use super::Api;
use super::compress::accepted;
use super::problem::{Code, Problem};
use super::request::{cookie, language as accepted_language};
use crate::domain::access::RouterRefusal;
use crate::domain::catalog::Terms;
use crate::domain::people::Language;
use crate::web::text::{Text, text};
use crate::web::{Asked, Visit, assets, own_path};

mod answer;
mod arrival;
pub mod connect;
mod form;
pub mod handset;
mod known_voucher;
pub mod notice;
mod open_order;
pub mod order;
mod order_summary;
pub mod owner_link;
pub mod paid;
pub mod probe;
pub mod router_page;
pub mod shop;
pub mod state;
pub mod voucher;
mod way;

pub use answer::{html, redirect, retry_after, with_cookie};
pub use form::Form;

/// The cookie with the router that this browser came from: the link in an SMS does not name it.
const ROUTER_COOKIE: &str = "malipo_router";
const ROUTER_LASTS_SECS: i64 = 12 * 3600;
/// `Retry-After` of an error page with status 503.
const AWAY_RETRY_SECS: u64 = 5;

/// A page, or the problem that is shown in its place.
pub type Page = Result<HttpResponse, Problem>;

/// Shows the problem of a handler as a page.
pub async fn show_problem(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let answer = next.call(request).await?.map_into_boxed_body();
    let error = answer.response().error();
    let problem = error.and_then(Error::as_error::<Problem>);
    let page = problem.and_then(|problem| error_page(answer.request(), problem));
    Ok(match page {
        Some(page) => answer.into_response(page),
        None => answer,
    })
}

/// A problem, as a page for a client that wants pages and as JSON for all others.
pub fn or_problem(request: &HttpRequest, problem: &Problem) -> HttpResponse {
    let accept = request.headers().get(ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    let accepts_page = accept.is_some_and(|accept| accept.contains("text/html"));
    let wants_page = accepts_page && !request.path().starts_with("/api/");
    let page = wants_page.then(|| error_page(request, problem)).flatten();
    page.unwrap_or_else(|| problem.error_response())
}

fn error_page(request: &HttpRequest, problem: &Problem) -> Option<HttpResponse> {
    Some(Visitor::of(request)?.problem(problem))
}

/// Style, script and icon. The URL of an asset has a hash of its content, so browsers may cache it
/// for ever.
pub async fn asset(request: HttpRequest) -> Page {
    let asset = assets::find(request.path()).ok_or(Code::NotFound)?;
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((VARY, "accept-encoding"))
        .content_type(asset.content_type);
    Ok(match accepted(&request) {
        Some(coding) => answer
            .insert_header((CONTENT_ENCODING, coding.name()))
            .body(asset.encoded(coding)),
        None => answer.body(asset.body),
    })
}

/// The request of a guest for a page, with the parameters that its links repeat, and the language.
#[derive(Clone)]
pub struct Visitor {
    api: web::Data<Api>,
    request: HttpRequest,
    visit: Visit,
    language: Language,
    text: &'static Text,
    /// The path of this page, for the link to the other language.
    path: String,
}

/// The page of a problem.
#[derive(Template)]
#[template(path = "trouble.html")]
struct ErrorPage<'a> {
    visitor: &'a Visitor,
    title: &'a str,
    lead: &'a str,
    /// The URL that the page reloads after a while; only for a temporary failure.
    again_href: Option<String>,
}

impl Visitor {
    fn of(request: &HttpRequest) -> Option<Self> {
        let api = request.app_data::<web::Data<Api>>()?.clone();
        let remembered = cookie(request.headers(), ROUTER_COOKIE);
        let origin = api.checkout.public_url.as_str().trim_end_matches('/');
        let asked = Asked {
            page: &format!("{origin}{}", request.path()),
            query: request.query_string(),
            remembered,
            now: api.store.clock().now(),
        };
        let visit = Visit::read(&asked, &api.shop);
        let language = visit.language;
        let language = language.unwrap_or_else(|| accepted_language(request.headers()));
        Some(Self {
            api,
            request: request.clone(),
            visit,
            language,
            text: text(language),
            path: own_path(request.path()),
        })
    }

    /// The same visitor with another path, for the links of the page.
    fn at(&self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }

    /// The package of these terms, in the language of the page.
    fn name<'a>(&self, terms: &'a Terms) -> &'a str {
        terms.name(self.language)
    }

    /// A link to another page, with the parameters of the visit.
    fn link(&self, path: impl AsRef<str>) -> String {
        self.visit.link(path.as_ref())
    }

    /// This page in the other language.
    fn other_href(&self) -> String {
        let other = self.visit.in_language(self.language.other());
        other.link(&self.path)
    }

    /// The help number as a link dials it.
    fn support_href(&self) -> Option<String> {
        let is_dialled = |c: &char| c.is_ascii_digit() || *c == '+';
        let phone = self.api.shop.support_phone.as_deref()?;
        let dialled: String = phone.chars().filter(is_dialled).collect();
        Some(format!("tel:{dialled}"))
    }

    /// The response with a page.
    fn answer(&self, status: StatusCode, page: &impl Template) -> HttpResponse {
        let mut answer = html(status, page);
        let language = HeaderValue::from_static(self.language.tag());
        let vary = HeaderValue::from_static("accept-language");
        answer.headers_mut().insert(CONTENT_LANGUAGE, language);
        answer.headers_mut().insert(VARY, vary);
        self.keep_router(answer)
    }

    /// Sets the cookie with the router, if the guest has just come from one.
    fn keep_router(&self, answer: HttpResponse) -> HttpResponse {
        let Some(router) = self.visit.to_remember() else {
            return answer;
        };
        let cookie = (self.api.gate).set_cookie(ROUTER_COOKIE, &router, ROUTER_LASTS_SECS);
        with_cookie(answer, &cookie)
    }

    /// What the router has just said: why it refused the guest, or that the guest is on-line.
    fn refusal(&self) -> Option<Notice> {
        let text = &self.text.router;
        match self.visit.refusal {
            Some(refusal) => Some(Notice::of_router(self.text, refusal)),
            None if self.visit.is_online => Some(Notice::new(&text.online_title, &text.online)),
            None => None,
        }
    }

    /// The same after the router has refused the guest.
    fn refused(mut self, refusal: RouterRefusal) -> Self {
        self.visit.refusal = Some(refusal);
        self
    }

    /// The error page of a problem.
    fn problem(&self, problem: &Problem) -> HttpResponse {
        let text = &self.text.trouble;
        let status = problem.status_code();
        let later;
        let (title, lead): (&str, &str) = match status {
            _ if problem.code == Code::OrderNotFound => (&text.order_title, &text.order),
            _ if problem.code == Code::WrongClock => {
                let notice = &self.text.notice;
                (&notice.clock_title, &notice.clock)
            }
            StatusCode::SERVICE_UNAVAILABLE => (&text.away_title, &text.away),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                (&text.page_title, &text.page)
            }
            StatusCode::FORBIDDEN => (&text.foreign_title, &text.foreign),
            StatusCode::TOO_MANY_REQUESTS => {
                let secs = problem.retry_after_secs.unwrap_or(1);
                later = Notice::later(self.text, secs);
                (later.title, &later.body)
            }
            _ => (&text.internal_title, &text.internal),
        };
        let is_away = status == StatusCode::SERVICE_UNAVAILABLE;
        let page = ErrorPage {
            visitor: self,
            title,
            lead,
            again_href: is_away.then(|| self.link(&self.path)),
        };
        retry_after(
            self.answer(status, &page),
            (is_away.then_some(AWAY_RETRY_SECS)).or(problem.retry_after_secs),
        )
    }

    /// A redirect to another page.
    fn redirect(&self, path: &str) -> HttpResponse {
        self.keep_router(redirect(&self.link(path)))
    }
}

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).ok_or_else(|| Problem::new(Code::Internal)))
    }
}
