//! In and out.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};

use super::{HOME, address, answer, parameter, see};
use crate::http::Api;
use crate::http::pages::Form;
use crate::http::problem::{Code, Problem};
use crate::store::LoggedIn;
use crate::web::console::LoginPage;

/// Asks for the token; whoever is in already goes on.
pub async fn show(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    let next = parameter(&request, "next");
    if let Ok(Some(_)) = api.gate.visitor(request.headers()).await {
        return see(inside(&next));
    }
    let page = LoginPage::new(&api.shop, inside(&next));
    match parameter(&request, "done").as_str() {
        "logout" => answer(StatusCode::OK, &page.noticed("You are logged out.")),
        _ => answer(StatusCode::OK, &page),
    }
}

/// Opens a session, or says why not.
pub async fn log_in(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> HttpResponse {
    if is_from_elsewhere(&request) {
        let refusal = Problem::new(Code::Forbidden).detail("another site has sent this form");
        return crate::http::pages::or_problem(&request, &refusal);
    }
    let form = match Form::read(payload).await {
        Ok(form) => form,
        Err(problem) => return crate::http::pages::or_problem(&request, &problem),
    };
    let next = inside(form.field("next")).to_owned();
    let page = LoginPage::new(&api.shop, &next);
    let Some(from) = api.clients.address(&request) else {
        return Problem::new(Code::Internal).error_response();
    };
    match api.gate.log_in(form.field("token"), from).await {
        Ok(LoggedIn::Opened(session)) => {
            let mut answer = see(&next);
            if let Ok(cookie) = HeaderValue::from_str(&api.gate.cookie(&session)) {
                answer.headers_mut().insert(SET_COOKIE, cookie);
            }
            answer
        }
        Ok(LoggedIn::Wrong) => answer(
            StatusCode::UNAUTHORIZED,
            &page.refused("Nobody has this token. Is all of it there?".to_owned()),
        ),
        Ok(LoggedIn::TooSoon { retry_after_secs }) => {
            let why = format!(
                "Too many wrong tokens: wait {retry_after_secs} s and try again. Nothing was looked at."
            );
            let mut answer = answer(StatusCode::TOO_MANY_REQUESTS, &page.refused(why));
            let secs = HeaderValue::from(retry_after_secs);
            answer.headers_mut().insert(RETRY_AFTER, secs);
            answer
        }
        Err(cause) => {
            let status = Problem::from(cause).status_code();
            let why = "The database does not answer, so nobody can be let in. Try again in a few seconds.";
            answer(status, &page.refused(why.to_owned()))
        }
    }
}

/// Ends the session.
pub async fn log_out(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    api.gate.log_out(request.headers()).await?;
    let mut answer = see(&address("/operator/login", &[("done", "logout")]));
    if let Ok(cookie) = HeaderValue::from_str(&api.gate.no_cookie()) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(answer)
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
