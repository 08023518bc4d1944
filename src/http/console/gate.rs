//! Access to the console: log-in and log-out, CSRF tokens, and problems as pages.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use super::{
    Caller, Code, Form, HOME, Page, PageContext, Problem, Section, href, html, redirect, shown,
};
use crate::http::Api;
use crate::http::auth::{Authenticated, identify};
use crate::http::pages::{or_problem, retry_after, with_cookie};
use crate::http::request::parameter;
use crate::http::unrouted;
use crate::store::LogInResult;
use crate::web::Shop;
use crate::web::format::capitalised;

/// A problem, for an operator who is logged in.
#[derive(Template)]
#[template(path = "console/trouble.html")]
struct ErrorPage {
    context: PageContext,
    title: &'static str,
    sentence: String,
}

/// Admits operators; other requests are redirected to the log-in. The handler of a form gets its
/// fields, and only if an admin sent it with the session's CSRF token; a viewer may only log out.
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
    // A viewer may log out.
    if request.path() != "/operator/logout" && !visitor.operator.role.may_write() {
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
    html(status, &page)
}

/// Makes a sentence of a problem's detail: a capital letter and one full stop.
fn sentence_of(detail: &str) -> String {
    format!("{}.", capitalised(detail.trim_end_matches('.')))
}

/// The form for the token.
#[derive(Template)]
#[template(path = "console/login.html")]
struct LoginPage<'a> {
    shop: &'a Shop,
    /// The page after the log-in.
    next: &'a str,
    /// Why the log-in failed, or what was just done.
    notice: Option<&'a str>,
    is_fault: bool,
}

/// The log-in form. An operator with a session is redirected to the console.
pub async fn show_login(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    let next = parameter(&request, "next");
    if let Ok(Some(_)) = api.gate.authenticate(request.headers()).await {
        return redirect(safe_next(&next));
    }
    let is_logged_out = parameter(&request, "done") == "logout";
    shown(&LoginPage {
        shop: &api.shop,
        next: safe_next(&next),
        notice: is_logged_out.then_some("You are logged out."),
        is_fault: false,
    })
}

/// Opens a session, or shows the form again with the reason.
pub async fn log_in(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> HttpResponse {
    let form = match Form::read(payload).await {
        Ok(form) => form,
        Err(problem) => return or_problem(&request, &problem),
    };
    let next = safe_next(form.field("next"));
    let refused = |status: StatusCode, why: &str| {
        let page = LoginPage {
            shop: &api.shop,
            next,
            notice: Some(why),
            is_fault: true,
        };
        html(status, &page)
    };
    let Some(from) = api.clients.address(&request) else {
        return Problem::new(Code::Internal).error_response();
    };
    match api.gate.log_in(form.field("token"), from).await {
        Ok(LogInResult::Opened(session)) => with_cookie(redirect(next), &api.gate.cookie(&session)),
        Ok(LogInResult::Wrong) => {
            let why = "This token is not valid. Is all of it there?";
            refused(StatusCode::UNAUTHORIZED, why)
        }
        Ok(LogInResult::TooSoon { retry_after_secs }) => {
            let why = format!(
                "Too many wrong tokens: wait {retry_after_secs} s and try again. This token was not checked."
            );
            let page = refused(StatusCode::TOO_MANY_REQUESTS, &why);
            retry_after(page, Some(retry_after_secs))
        }
        Err(cause) => {
            let why = "The database does not answer, so no operator can log in. Try again in a few seconds.";
            refused(Problem::from(cause).status_code(), why)
        }
    }
}

/// Ends the session.
pub async fn log_out(request: HttpRequest, api: web::Data<Api>) -> Page {
    api.gate.log_out(request.headers()).await?;
    let login = redirect("/operator/login?done=logout");
    Ok(with_cookie(login, &api.gate.no_cookie()))
}

/// The requested page if it is one of the console's, else its home page.
fn safe_next(next: &str) -> &str {
    let is_page = next.starts_with("/operator/") || next.starts_with("/operator?");
    let is_safe = !next.starts_with("/operator/log") && !next.chars().any(char::is_control);
    if is_page && is_safe { next } else { HOME }
}

#[cfg(test)]
mod tests {
    use super::safe_next;

    #[test]
    fn a_log_in_redirects_only_to_pages_of_the_console() {
        for page in ["/operator/orders?q=0712345678", "/operator/orders/1"] {
            assert_eq!(safe_next(page), page);
        }
        for other in [
            "",
            "//evil.example",
            "https://evil.example/operator/",
            "/operators",
            "/",
            "/operator/login",
            "/operator/\r\nx",
        ] {
            assert_eq!(safe_next(other), "/operator", "{other:?}");
        }
    }
}
