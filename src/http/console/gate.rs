//! Access to the console: sessions, CSRF tokens, and problems as pages.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use super::{Caller, Code, Form, HOME, PageContext, Problem, Section, href, html, redirect};
use crate::http::auth::{Authenticated, identify};
use crate::http::pages::{or_problem, retry_after};
use crate::http::unrouted;
use crate::web::format::capitalised;

/// The forms of a viewer's own log-in, which also an operator may send who must set a password first.
const OPEN_TO_ALL: [&str; 2] = ["/operator/logout", "/operator/access"];

/// A problem, for an operator who is logged in.
#[derive(Template)]
#[template(path = "console/trouble.html")]
struct ErrorPage {
    context: PageContext,
    title: &'static str,
    sentence: String,
}

/// Admits operators; other requests are redirected to the log-in. The handler of a form gets its
/// fields, and only if an admin sent it with the session's CSRF token; a viewer may only log out and
/// change how they log in.
/// Problems become pages.
pub async fn operators_only(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if ![Method::GET, Method::POST].contains(request.method()) {
        let refusal = unrouted::no_such_page(request.request().clone()).await;
        return Ok(request.into_response(refusal));
    }
    let visitor = match identify(&request).await {
        Ok(visitor) => visitor,
        Err(problem) => {
            let page = match problem.code {
                Code::Unauthorized => to_login(request.request()),
                _ => or_problem(request.request(), &problem),
            };
            return Ok(request.into_response(page));
        }
    };
    if visitor.must_change && !OPEN_TO_ALL.contains(&request.path()) {
        return Ok(request.into_response(redirect(Section::Access.href())));
    }
    request.extensions_mut().insert(visitor.clone());
    let response = match admit(&mut request, &visitor).await {
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
        Err(problem) => request.error_response(problem),
    };
    let error = response.response().error();
    let Some(problem) = error.and_then(Error::as_error::<Problem>).cloned() else {
        return Ok(response);
    };
    let page = error_page(response.request(), &problem).await;
    Ok(response.into_response(page))
}

/// Reads a form, and checks its CSRF token and the operator's role.
async fn admit(request: &mut ServiceRequest, visitor: &Authenticated) -> Result<(), Problem> {
    if request.method() == Method::GET {
        return Ok(());
    }
    let payload = request.extract::<web::Payload>().await;
    let payload = payload.map_err(|_| Problem::new(Code::InvalidRequest))?;
    let form = Form::read(payload).await?;
    if !visitor.has_valid_csrf(Some(form.field("csrf"))) {
        return Err(Problem::new(Code::Forbidden)
            .detail("This form is not of your session, or is older than it. Nothing was changed: go back, reload the page and try again."));
    }
    if !OPEN_TO_ALL.contains(&request.path()) && !visitor.operator.role.may_write() {
        return Err(Problem::new(Code::Forbidden)
            .detail("A viewer may only read. Nothing was changed: ask an admin."));
    }
    request.extensions_mut().insert(form);
    Ok(())
}

/// Redirects to the log-in, which then redirects to the requested page.
fn to_login(request: &HttpRequest) -> HttpResponse {
    let wanted = request.uri().path_and_query().map(|it| it.as_str());
    let is_page = request.method() == Method::GET && request.path() != "/operator/words";
    let next = wanted.filter(|path| is_page && *path != HOME);
    let next = [("next", next.unwrap_or_default())];
    redirect(&href("/operator/login", &next))
}

/// A problem as a page.
async fn error_page(request: &HttpRequest, problem: &Problem) -> HttpResponse {
    let Ok(caller) = Caller::extract(request).await else {
        return problem.error_response();
    };
    let status = problem.status_code();
    let (title, sentence) = match status {
        StatusCode::FORBIDDEN => ("No access", "Nothing was changed."),
        StatusCode::NOT_FOUND => ("Not found", "It does not exist, or it was deleted."),
        StatusCode::TOO_MANY_REQUESTS => ("Too many", "Wait a minute and try again."),
        StatusCode::CONFLICT => ("No longer possible", "It has changed in the meantime."),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Temporarily unavailable",
            "The database or the server is busy. Try again in a few seconds. An action may have been carried out: check before you repeat it.",
        ),
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => {
            ("Invalid input", "Go back and correct it.")
        }
        _ => ("Internal error", "The cause is in the log."),
    };
    let detail = problem.detail.as_deref();
    let page = ErrorPage {
        context: PageContext::of(&caller, Section::Orders).await,
        title,
        sentence: detail.map_or_else(|| sentence.to_owned(), sentence_of),
    };
    retry_after(html(status, &page), problem.retry_after_secs)
}

/// Makes a sentence of a problem's detail: a capital letter and one full stop.
fn sentence_of(detail: &str) -> String {
    format!("{}.", capitalised(detail.trim_end_matches('.')))
}
