//! The pages of guests: each is a struct with a template, in the file of its handler.
//!
//! The handlers call the checkout, the store and the status board, as those of the API do. A
//! problem is a page too, in the language of the guest.

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY,
    HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE, VARY,
};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use notice::Notice;

use super::Api;
use super::compress::accepted;
use super::problem::{Code, Problem};
use super::request::{body_of, language as accepted_language};
use crate::domain::catalog::Terms;
use crate::domain::people::Language;
use crate::web::text::{Text, text};
use crate::web::{CONTENT_SECURITY_POLICY as POLICY, Visit, assets};

pub mod handset;
pub mod notice;
mod open_order;
pub mod order;
mod order_summary;
pub mod owner_link;
pub mod paid;
pub mod shop;
pub mod state;

/// The limit of a form in bytes.
const FORM_MAX: usize = 16 * 1024;
/// Characters of a typed phone number that a page shows again.
const TYPED_MAX: usize = 40;
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
        let visit = Visit::read(request.query_string(), &api.shop);
        let language = visit.language;
        let language = language.unwrap_or_else(|| accepted_language(request.headers()));
        Some(Self {
            api,
            request: request.clone(),
            visit,
            language,
            text: text(language),
            path: request.path().to_owned(),
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
        answer
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
        redirect(&self.link(path))
    }
}

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).ok_or_else(|| Problem::new(Code::Internal)))
    }
}

/// A page as a response.
pub fn html(status: StatusCode, page: &impl Template) -> HttpResponse {
    let page = page.render();
    HttpResponse::build(status)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(page.expect("a template writes into memory and calls nothing that fails"))
}

/// Redirects to another page of ours.
pub fn redirect(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, path))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// Adds a `Set-Cookie`.
pub fn with_cookie(mut answer: HttpResponse, cookie: &str) -> HttpResponse {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}

/// Sets `Retry-After`, if there is a time to retry.
pub fn retry_after(mut answer: HttpResponse, secs: Option<u64>) -> HttpResponse {
    if let Some(secs) = secs {
        answer.headers_mut().insert(RETRY_AFTER, secs.into());
    }
    answer
}

/// The fields of a form, in the order in which they were sent.
#[derive(Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form of at most 16 KiB.
    ///
    /// # Errors
    /// A 400 if it is incomplete, a 413 if it is larger.
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

    /// The phone number as it was typed, to be shown again.
    fn typed_phone(&self) -> String {
        self.field("phone").chars().take(TYPED_MAX).collect()
    }

    /// All names and values.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.0.iter();
        fields.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
