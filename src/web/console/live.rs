//! The machinery as it runs.
//!
//! The page is drawn from one document and its script goes on with the documents that follow:
//! both find a number by the same pointer (RFC 6901), so that they cannot mean different ones.

use askama::Template;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::desk::Desk;
use super::format::{ago, count};
use super::instruments::{CHARTS, Chart, Form, TILES, Tile};

/// The document of `GET /api/v1/operator/actors`.
pub struct Glance(Value);

/// What is shown of a value that is not there.
const NONE: &str = "–";

impl Glance {
    /// A document as it is sent.
    pub fn new(document: Value) -> Self {
        Self(document)
    }

    fn shown(&self, at: &str, form: &Form) -> String {
        let value = self.0.pointer(at).unwrap_or(&Value::Null);
        let whole = value.as_i64();
        let shown = match form {
            Form::Count => whole.map(count),
            Form::Ago => whole.map(ago),
            Form::AgoSecs => whole.map(|secs| ago(secs.saturating_mul(1_000))),
            Form::Since => self.since(value),
        };
        shown.unwrap_or_else(|| value.as_str().unwrap_or(NONE).to_owned())
    }

    fn since(&self, value: &Value) -> Option<String> {
        let moment = |value: &Value| value.as_str()?.parse::<DateTime<Utc>>().ok();
        let passed = moment(self.0.get("at")?)? - moment(value)?;
        Some(format!("{} ago", ago(passed.num_milliseconds().max(0))))
    }

    fn outcomes(&self) -> Vec<(String, i64)> {
        let counts = self.0.get("webhooks").and_then(Value::as_object);
        counts
            .into_iter()
            .flatten()
            .map(|(word, count)| (word.clone(), count.as_i64().unwrap_or(0)))
            .collect()
    }

    fn busiest(&self) -> Vec<Busy> {
        let rows = self.0.get("busiest").and_then(Value::as_array);
        rows.into_iter().flatten().map(Busy::of).collect()
    }
}

/// One order's actor.
struct Busy {
    /// The `ref`.
    order: String,
    /// Something waits for it, or went wrong.
    is_hot: bool,
    cells: Vec<(&'static str, String)>,
}

/// Members of a row, their headings, and how they are told.
const COLUMNS: [(&str, &str, Form); 7] = [
    ("state", "State", Form::Count),
    ("mailbox_depth", "Waiting", Form::Count),
    ("handled", "Handled", Form::Count),
    ("last_outcome", "Last outcome", Form::Count),
    ("age_ms", "In memory", Form::Ago),
    ("idle_ms", "Idle", Form::Ago),
    ("last_error", "Last error", Form::Count),
];

impl Busy {
    fn of(row: &Value) -> Self {
        let is_hot = row["mailbox_depth"].as_u64() > Some(0) || row["last_error"].is_string();
        let row = Glance(row.clone());
        let cells = COLUMNS.map(|(name, _, form)| (name, row.shown(&format!("/{name}"), &form)));
        Self {
            order: row.shown("/order", &Form::Count),
            is_hot,
            cells: cells.into(),
        }
    }
}

/// The machinery at a glance, and then as it changes.
#[derive(Template)]
#[template(path = "console/live.html")]
pub struct LivePage {
    desk: Desk,
    glance: Glance,
    /// The last minutes, as a list of documents in JSON.
    history: String,
}

impl LivePage {
    /// As it is now.
    pub fn new(desk: Desk, glance: Glance, history: String) -> Self {
        Self {
            desk,
            glance,
            history,
        }
    }

    fn instance(&self) -> String {
        self.glance.shown("/instance", &Form::Count)
    }

    fn uptime(&self) -> String {
        self.glance.shown("/uptime_secs", &Form::AgoSecs)
    }

    fn tiles(&self) -> &'static [Tile] {
        &TILES
    }

    fn charts(&self) -> &'static [Chart] {
        &CHARTS
    }

    fn columns(&self) -> &'static [(&'static str, &'static str, Form)] {
        &COLUMNS
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_is_told_in_its_form_and_what_is_missing_is_a_dash() {
        let glance = Glance::new(json!({
            "at": "2026-11-24T09:00:05Z", "n": 12_345, "ran": "2026-11-24T09:00:02Z",
            "word": "COMPLETED", "none": null,
        }));

        assert_eq!(glance.shown("/n", &Form::Count), "12,345");
        assert_eq!(glance.shown("/n", &Form::Ago), "12 s");
        assert_eq!(glance.shown("/ran", &Form::Since), "3.0 s ago");
        assert_eq!(glance.shown("/word", &Form::Count), "COMPLETED");
        assert_eq!(glance.shown("/none", &Form::Count), "–");
        assert_eq!(glance.shown("/missing", &Form::Since), "–");
    }
}
