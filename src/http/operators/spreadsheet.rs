//! CSV for spreadsheets: RFC 4180, with a byte-order mark, by which Excel recognises UTF-8, and times in
//! the shop's zone.
//!
//! # Invariants
//! A cell with text that a person or another system wrote never begins with a character that starts a
//! formula: such a column has [`defuse`].

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use csv::{Terminator, WriterBuilder};
use serde::{Serialize, Serializer};

use super::{Answer, Code};

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The rows as a file of this name.
pub fn file(name: &str, rows: impl IntoIterator<Item: Serialize>) -> Answer {
    let sheet = written(rows).map_err(|error| {
        tracing::error!(%error, "failed to write CSV");
        Code::Internal
    })?;
    let name = format!("attachment; filename=\"malipo-{name}.csv\"");
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, name))
        .content_type("text/csv; charset=utf-8")
        .body(sheet))
}

/// Writes the rows, with their fields as columns.
///
/// # Errors
/// A bug: writing to memory failed.
pub fn written(rows: impl IntoIterator<Item: Serialize>) -> Result<Vec<u8>, csv::Error> {
    let mut sheet = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(BYTE_ORDER_MARK.as_bytes().to_vec());
    for row in rows {
        sheet.serialize(row)?;
    }
    sheet
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// A time that a spreadsheet recognises.
pub fn local(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone)
        .format("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// Writes a text so that it starts no formula.
///
/// # Errors
/// The serializer's.
pub fn defuse<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&defused(text))
}

/// Puts an apostrophe before what a spreadsheet would run as a formula.
fn defused(text: &str) -> String {
    match text.trim_start_matches(' ').chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n') => format!("'{text}"),
        Some(_) | None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_written_as_text() {
        for text in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1",
        ] {
            assert_eq!(defused(text), format!("'{text}"), "{text:?}");
        }
        for text in ["", "0936000000", "cash - paid", "'=1", "Âsha"] {
            assert_eq!(defused(text), text);
        }
    }
}
