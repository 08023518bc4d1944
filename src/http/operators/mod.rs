//! What operators see: the machinery, the orders, the journal and the report of a day; and
//! what they do by hand, in `acts`, `vouchers` and `sms`.
//!
//! Lists come in pages, newest first; a cursor is opaque and stays right while rows arrive.
//! Phones and codes are masked in every list. An admin who opens one order or one delivery
//! sees it whole, and the audit log keeps a record of that.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use serde::Serialize;

use super::problem::{Code, Problem};

pub mod actors;
pub mod acts;
pub(super) mod customers;
pub mod doing;
pub mod events;
pub mod journal;
pub mod machinery;
mod order_documents;
pub mod order_name;
pub mod orders;
pub mod outbox;
mod report_csv;
pub mod reports;
mod responses;
pub(super) mod routers;
pub mod sms;
pub mod vouchers;
pub mod wish;

/// Rows a page unless the query says.
const PAGE: u64 = 50;
/// Rows a page at most.
const PAGE_MAX: u64 = 200;

/// A document as it is now, which no cache keeps.
fn fresh(document: impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(document)
}

fn fault(what: &str) -> Problem {
    Problem::new(Code::InvalidQuery).detail(what)
}

/// A parameter that is there and says something.
fn said(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// Rows a page; over the cap: the cap.
fn limit_of(text: Option<&String>) -> Result<u64, Problem> {
    let Some(text) = said(text) else {
        return Ok(PAGE);
    };
    match text.parse::<i64>() {
        Ok(limit @ 1..) => Ok(limit.unsigned_abs().min(PAGE_MAX)),
        Ok(_) | Err(_) => Err(fault("limit is a number of rows, from 1")),
    }
}

/// The row after which a page begins.
fn cursor_of(text: Option<&String>) -> Result<Option<i64>, Problem> {
    let Some(text) = said(text) else {
        return Ok(None);
    };
    let id = text
        .strip_prefix('c')
        .and_then(|hexadecimal| i64::from_str_radix(hexadecimal, 16).ok())
        // One spelling each: what we have not handed out is refused.
        .filter(|id| *id > 0 && cursor(*id) == text);
    id.map(Some)
        .ok_or_else(|| fault("cursor is the next_cursor of the page before"))
}

fn cursor(id: i64) -> String {
    format!("c{id:x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_cursors_are_read() {
        for id in [1, 10, i64::MAX] {
            assert!(matches!(cursor_of(Some(&cursor(id))), Ok(Some(read)) if read == id));
        }
        for nothing in [None, Some(String::new())] {
            assert!(matches!(cursor_of(nothing.as_ref()), Ok(None)));
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
            assert!(cursor_of(Some(&wrong.to_owned())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_page_has_a_limit() {
        let limit = |text: &str| limit_of(Some(&text.to_owned()));

        assert!(matches!((limit("1"), limit("1000")), (Ok(1), Ok(PAGE_MAX))));
        assert!(matches!((limit(""), limit_of(None)), (Ok(PAGE), Ok(PAGE))));
        for wrong in ["0", "-1", "1.5", "many", "99999999999999999999"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }
}
