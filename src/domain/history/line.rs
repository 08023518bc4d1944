//! A line of an order's timeline.

use chrono::{DateTime, Utc};

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Milliseconds since the line before; `None` for the first.
    pub after_ms: Option<i64>,
    /// A stable word.
    pub kind: &'static str,
    /// A sentence for a person.
    pub summary: String,
    /// The row behind it, where that can be asked for or acted on by its number: a delivery
    /// or an SMS.
    pub id: Option<i64>,
}
