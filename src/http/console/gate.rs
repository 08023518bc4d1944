//! Who comes in to the console, and whether a form was meant.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use super::{HOME, PageContext, Section, address, answer, see};
use crate::http::Api;
use crate::http::auth::{Caller, Visitor};
use crate::http::pages::{Form, or_problem};
use crate::http::problem::{Code, Problem};

/// Says what is the matter, for an operator who is let in.
#[derive(Template)]
#[template(path = "console/trouble.html")]
struct ErrorPage {
    desk: PageContext,
    title: &'static str,
    sentence: String,
}

/// Lets operators in and hands the handler who it is and, of a form, its fields. A form is for
/// admins, and must repeat the session's own token: no other site can know it. Whatever goes
/// wrong behind it is a page too.
pub async fn insiders(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let found = match request.app_data::<web::Data<Api>>() {
        Some(api) => api.gate.visitor(request.headers()).await,
        None => Ok(None),
    };
    let visitor = match found {
        Ok(Some(visitor)) => visitor,
        Ok(None) => {
            let login = to_login(request.request());
            return Ok(request.into_response(login).map_into_boxed_body());
        }
        Err(cause) => {
            let away = or_problem(request.request(), &Problem::from(cause));
            return Ok(request.into_response(away).map_into_boxed_body());
        }
    };
    request.extensions_mut().insert(visitor.clone());
    if let Err(problem) = admit(&mut request, &visitor).await {
        let page = trouble(request.request(), &problem).await;
        return Ok(request.into_response(page).map_into_boxed_body());
    }
    let answered = next.call(request).await?.map_into_boxed_body();
    let error = answered.response().error();
    let problem = error.and_then(|error| error.as_error::<Problem>()).cloned();
    match problem {
        Some(problem) => {
            let page = trouble(answered.request(), &problem).await;
            Ok(answered.into_response(page).map_into_boxed_body())
        }
        None => Ok(answered),
    }
}

/// Reads a form and decides whether it may go on.
async fn admit(request: &mut ServiceRequest, visitor: &Visitor) -> Result<(), Problem> {
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(());
    }
    let payload = request.extract::<web::Payload>().await;
    let payload = payload.map_err(|_| Problem::new(Code::InvalidRequest))?;
    let form = Form::read(payload).await?;
    if !visitor.repeats_csrf(Some(form.field("csrf"))) {
        return Err(Problem::new(Code::Forbidden)
            .detail("This form is not of your session, or is older than it. Nothing was changed: go back, reload the page and try again."));
    }
    // To leave is no act.
    let leaves = request.path() == "/operator/logout";
    if !leaves && !visitor.operator.role.may_write() {
        return Err(Problem::new(Code::Forbidden)
            .detail("A viewer only looks. Nothing was changed: ask an admin."));
    }
    request.extensions_mut().insert(form);
    Ok(())
}

/// Leads a caller who is not logged in to the log-in, and from there to the page that was wanted.
fn to_login(request: &HttpRequest) -> HttpResponse {
    let wanted = request
        .uri()
        .path_and_query()
        .map_or(HOME, |it| it.as_str());
    let is_page = request.method() == Method::GET && request.path() != "/operator/words";
    let next = if is_page && wanted != HOME {
        wanted
    } else {
        ""
    };
    see(&address("/operator/login", &[("next", next)]))
}

/// The page of what the API would call a problem.
async fn trouble(request: &HttpRequest, problem: &Problem) -> HttpResponse {
    let caller = match Caller::extract(request).await {
        Ok(caller) => caller,
        Err(problem) => return problem.error_response(),
    };
    let status = problem.status_code();
    let (title, sentence) = match status {
        StatusCode::FORBIDDEN => ("This is not for you", "Nothing was changed."),
        StatusCode::NOT_FOUND => ("There is no such thing", "It was never here, or is gone."),
        StatusCode::CONFLICT => ("It is too late for that", "It has changed meanwhile."),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Not now",
            "The database or the server is busy. Try again in a few seconds; an act that was under way may have been done: look first.",
        ),
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => {
            ("That cannot be read", "Go back and correct it.")
        }
        _ => (
            "Our own failure",
            "It is in the log. Nothing more is known here.",
        ),
    };
    let page = ErrorPage {
        desk: PageContext::of(&caller, Section::Orders).await,
        title,
        sentence: problem
            .detail
            .as_deref()
            .map_or_else(|| sentence.to_owned(), sentence_of),
    };
    answer(status, &page)
}

/// The API's details are clauses; on a page one begins and ends as a sentence does.
fn sentence_of(detail: &str) -> String {
    let mut letters = detail.chars();
    let first = letters.next().map(char::to_uppercase);
    let sentence: String = first.into_iter().flatten().chain(letters).collect();
    if sentence.ends_with('.') {
        sentence
    } else {
        sentence + "."
    }
}
