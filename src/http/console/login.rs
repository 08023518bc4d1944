//! In and out.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use super::{HOME, answer, see, shown};
use crate::http::Api;
use crate::http::pages::{Form, or_problem};
use crate::http::problem::{Code, Problem};
use crate::http::request::parameter;
use crate::store::LoggedIn;
use crate::web::Shop;
use crate::web::assets::{self, Asset};

/// Asks for the token.
#[derive(Template)]
#[template(path = "console/login.html")]
struct LoginPage<'a> {
    shop: &'a Shop,
    /// Where to go on.
    next: &'a str,
    /// Why it did not work, or what has just been done.
    notice: Option<String>,
    is_fault: bool,
}

impl LoginPage<'_> {
    fn refused(self, status: StatusCode, why: String) -> HttpResponse {
        let page = Self {
            notice: Some(why),
            is_fault: true,
            ..self
        };
        answer(status, &page)
    }

    fn style(&self) -> &'static Asset {
        &assets::CONSOLE_STYLE
    }

    fn icon(&self) -> &'static Asset {
        &assets::ICON
    }
}

/// Asks for the token; an operator who is logged in goes on.
pub async fn show(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    let next = parameter(&request, "next");
    if let Ok(Some(_)) = api.gate.visitor(request.headers()).await {
        return see(inside(&next));
    }
    let is_out = parameter(&request, "done") == "logout";
    shown(&LoginPage {
        shop: &api.shop,
        next: inside(&next),
        notice: is_out.then(|| "You are logged out.".to_owned()),
        is_fault: false,
    })
}

/// Opens a session, or says why not.
pub async fn log_in(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> HttpResponse {
    if is_from_elsewhere(&request) {
        let refusal = Problem::new(Code::Forbidden).detail("another site has sent this form");
        return or_problem(&request, &refusal);
    }
    let form = match Form::read(payload).await {
        Ok(form) => form,
        Err(problem) => return or_problem(&request, &problem),
    };
    let next = inside(form.field("next"));
    let page = LoginPage {
        shop: &api.shop,
        next,
        notice: None,
        is_fault: false,
    };
    let Some(from) = api.clients.address(&request) else {
        return Problem::new(Code::Internal).error_response();
    };
    match api.gate.log_in(form.field("token"), from).await {
        Ok(LoggedIn::Opened(session)) => with_cookie(see(next), &api.gate.cookie(&session)),
        Ok(LoggedIn::Wrong) => {
            let why = "Nobody has this token. Is all of it there?";
            page.refused(StatusCode::UNAUTHORIZED, why.to_owned())
        }
        Ok(LoggedIn::TooSoon { retry_after_secs }) => {
            let why = format!(
                "Too many wrong tokens: wait {retry_after_secs} s and try again. Nothing was looked at."
            );
            let mut answer = page.refused(StatusCode::TOO_MANY_REQUESTS, why);
            let secs = HeaderValue::from(retry_after_secs);
            answer.headers_mut().insert(RETRY_AFTER, secs);
            answer
        }
        Err(cause) => {
            let why = "The database does not answer, so nobody can be let in. Try again in a few seconds.";
            page.refused(Problem::from(cause).status_code(), why.to_owned())
        }
    }
}

/// Ends the session.
pub async fn log_out(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    api.gate.log_out(request.headers()).await?;
    let login = see("/operator/login?done=logout");
    Ok(with_cookie(login, &api.gate.no_cookie()))
}

fn with_cookie(mut answer: HttpResponse, cookie: &str) -> HttpResponse {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}

/// A page of the console; whatever else was asked for is none.
fn inside(next: &str) -> &str {
    let is_page = next.starts_with("/operator/") || next.starts_with("/operator?");
    let is_safe = !next.starts_with("/operator/log") && !next.chars().any(char::is_control);
    if is_page && is_safe { next } else { HOME }
}

/// A log-in that another site has a browser send (W3C, Fetch Metadata). Whoever sends no such
/// header is no browser of today.
fn is_from_elsewhere(request: &HttpRequest) -> bool {
    let site = request.headers().get("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin" && site != "none")
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn a_log_in_leads_nowhere_but_inside() {
        for page in ["/operator/orders?q=0712345678", "/operator/orders/1"] {
            assert_eq!(inside(page), page);
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
            assert_eq!(inside(other), "/operator", "{other:?}");
        }
    }
}
