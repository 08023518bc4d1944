//! The JSON API of the operators: orders, vouchers and their batches, the webhook journal, reports, actors, routers,
//! sessions, and manual actions.
//!
//! Lists come in pages, newest first; a cursor is opaque and stays valid while rows arrive. Phones
//! and codes are masked in every list. An admin who opens one order, one delivery or one voucher
//! sees it unmasked, and the audit log records it.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use serde::Serialize;

use super::auth::Caller;
use super::problem::{Code, Problem};
use crate::domain::rfc3339::rfc3339;

pub mod actors;
pub mod acts;
pub mod batches;
pub mod execute;
pub mod orders;
mod report_csv;
pub mod reports;
pub mod router_edit;
pub(super) mod routers;
mod schema;
pub mod sessions;
mod spreadsheet;
pub mod vouchers;
pub mod webhooks;

/// The result of a handler.
type Answer = Result<HttpResponse, Problem>;

/// The number of rows per page if the request names none.
const PAGE: u64 = 50;
/// The largest number of rows per page.
const PAGE_MAX: u64 = 200;

/// A JSON response with `no-store`.
fn no_store(document: impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(document)
}

/// A parameter that is present and not blank.
fn filled(text: &Option<String>) -> Option<&str> {
    let text = text.as_deref().map(str::trim);
    text.filter(|text| !text.is_empty())
}

/// The number of rows per page that the request names, at most [`PAGE_MAX`].
fn limit_of(text: &Option<String>) -> Result<u64, Problem> {
    match filled(text).map(str::parse::<i64>) {
        None => Ok(PAGE),
        Some(Ok(limit @ 1..)) => Ok(limit.unsigned_abs().min(PAGE_MAX)),
        Some(Ok(_) | Err(_)) => Err(Code::InvalidQuery.detail("limit is a number of rows, from 1")),
    }
}

/// The row after which a page begins.
///
/// # Errors
/// 422 `invalid_query` for a cursor that we did not hand out.
pub fn cursor_of(text: &Option<String>) -> Result<Option<i64>, Problem> {
    let Some(text) = filled(text) else {
        return Ok(None);
    };
    let digits = text.strip_prefix('c').unwrap_or_default();
    match i64::from_str_radix(digits, 16) {
        // Accept only what `cursor` writes: no sign, leading zero or capital.
        Ok(id) if id > 0 && cursor(id) == text => Ok(Some(id)),
        Ok(_) | Err(_) => {
            Err(Code::InvalidQuery.detail("cursor is the next_cursor of the page before"))
        }
    }
}

/// The cursor of the page after this row.
pub fn cursor(id: i64) -> String {
    format!("c{id:x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cursors_that_we_hand_out_are_accepted() {
        for id in [1, 10, i64::MAX] {
            assert!(matches!(cursor_of(&Some(cursor(id))), Ok(Some(read)) if read == id));
        }
        for blank in [None, Some(String::new())] {
            assert!(matches!(cursor_of(&blank), Ok(None)));
        }
        for wrong in [
            "c",
            "c0",
            "c-1",
            "c+1",
            "c01",
            "cA",
            "a",
            "1",
            "c1x",
            "c8000000000000000",
        ] {
            assert!(cursor_of(&Some(wrong.to_owned())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_limit_is_a_positive_number_up_to_the_maximum() {
        let limit = |text: &str| limit_of(&Some(text.to_owned()));

        assert!(matches!((limit("1"), limit("1000")), (Ok(1), Ok(PAGE_MAX))));
        assert!(matches!((limit(""), limit_of(&None)), (Ok(PAGE), Ok(PAGE))));
        for wrong in ["0", "-1", "1.5", "many", "99999999999999999999"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }
}
