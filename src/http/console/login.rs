//! Log-in and log-out of the console.

use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use super::{Code, Form, HOME, Page, Problem, html, redirect, shown};
use crate::domain::people::browser::family;
use crate::http::Api;
use crate::http::auth::{DEVICE_COOKIE, Typed};
use crate::http::client::network;
use crate::http::pages::{or_problem, retry_after, with_cookie};
use crate::http::request::{cookie, parameter};
use crate::store::{Browser, Fingerprint, LogInResult};
use crate::web::Shop;

/// Longest cookie of a browser in bytes. A longer one is not hashed.
const DEVICE_MAX: usize = 128;

/// The forms for a name with a password, and for a token.
#[derive(Template)]
#[template(path = "console/login.html")]
struct LoginPage<'a> {
    shop: &'a Shop,
    /// The page after the log-in.
    next: &'a str,
    /// Why the log-in failed, or what was just done.
    notice: Option<&'a str>,
    is_fault: bool,
    /// The name that was typed.
    name: String,
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
        name: String::new(),
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
            name: form.typed("name"),
        };
        html(status, &page)
    };
    let Some(browser) = browser(&request, &api) else {
        return Problem::new(Code::Internal).error_response();
    };
    let token = form.field("token");
    let is_token = !token.trim().is_empty();
    let done = if is_token {
        api.gate.log_in(token, browser).await.map_err(Problem::from)
    } else {
        let typed = Typed {
            name: form.field("name"),
            password: form.field("password"),
            code: form.field("code"),
        };
        api.gate.log_in_by_name(typed, browser).await
    };
    match done {
        Ok(LogInResult::Opened(session)) => {
            let answer = with_cookie(redirect(next), &api.gate.cookie(&session));
            match api.gate.device_cookie(&session) {
                Some(device) => with_cookie(answer, &device),
                None => answer,
            }
        }
        Ok(LogInResult::Wrong) => refused(StatusCode::UNAUTHORIZED, wrong(is_token)),
        Ok(LogInResult::TooSoon { retry_after_secs }) => {
            let why = too_soon(is_token, retry_after_secs);
            let page = refused(StatusCode::TOO_MANY_REQUESTS, &why);
            retry_after(page, Some(retry_after_secs))
        }
        Err(problem) => {
            let why = match problem.code {
                Code::Busy => "Many log in at this moment. Try again in a few seconds.",
                _ => {
                    "The database does not answer, so no operator can log in. Try again in a few seconds."
                }
            };
            let page = refused(problem.status_code(), why);
            retry_after(page, problem.retry_after_secs)
        }
    }
}

fn wrong(is_token: bool) -> &'static str {
    match is_token {
        true => "This token is not valid. Is all of it there?",
        false => {
            "The name, the password or the code is wrong. If you have set up an authenticator, type its code too."
        }
    }
}

fn too_soon(is_token: bool, secs: u64) -> String {
    match is_token {
        true => format!(
            "Too many wrong tokens: wait {secs} s and try again. This token was not checked."
        ),
        false => format!(
            "Too many wrong passwords for this name: wait {} min, or log in with a token. This password was not checked.",
            secs.div_ceil(60)
        ),
    }
}

/// The browser that sends a log-in; `None` without a peer address, as in a unit test.
fn browser(request: &HttpRequest, api: &Api) -> Option<Browser> {
    let headers = request.headers();
    let agent = headers.get(USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    let device = cookie(headers, DEVICE_COOKIE).filter(|device| device.len() <= DEVICE_MAX);
    Some(Browser {
        network: network(api.clients.address(request)?).to_string(),
        family: family(agent.unwrap_or_default()),
        device: device.map(Fingerprint::of),
    })
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
