//! What pages of the console share: their answers, their faults, and lists of facts.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use crate::http::auth::Caller;
use crate::http::pages::html;
use crate::http::problem::{Code, Problem};

/// The first page of the console.
pub(super) const HOME: &str = "/operator";

/// Names and values, as a list of facts shows them.
pub(super) type Facts = Vec<(&'static str, String)>;

/// A page with status 200.
pub(super) fn shown(page: &impl Template) -> HttpResponse {
    html(StatusCode::OK, page)
}

/// A page that says why its form or its search is invalid.
pub(super) fn refused(page: &impl Template) -> HttpResponse {
    html(StatusCode::UNPROCESSABLE_ENTITY, page)
}

/// The problem of a form with an invalid value.
pub(super) fn invalid(why: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidValue).detail(why)
}

/// Refuses a viewer, and says why.
pub(super) fn admins_only(caller: &Caller, why: &str) -> Result<(), Problem> {
    match caller.operator().role.may_write() {
        true => Ok(()),
        false => Err(Code::Forbidden.detail(why)),
    }
}

/// A name as a part of a path.
pub(super) fn in_path(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect()
}

/// Why a list cannot be searched, for its page; any other problem has a page of its own.
pub(super) fn search_fault(problem: Problem) -> Result<String, Problem> {
    match &problem.detail {
        Some(why) if problem.code == Code::InvalidQuery => Ok(format!("Cannot search: {why}.")),
        _ => Err(problem),
    }
}

/// The facts that have a value.
pub(super) fn known<const N: usize>(facts: [(&'static str, Option<String>); N]) -> Facts {
    let facts = facts.into_iter();
    let known = facts.filter_map(|(name, value)| Some((name, value?)));
    known.collect()
}
