//! The timeline of an order: what happened, in the order in which it happened, in sentences.
//!
//! A [`OrderHistory`] is everything that the database has of one order; [`tell`] makes the [`Line`]s of
//! it. Pure, so that terminal, API and console tell the same story.
//!
//! # Invariants
//! What is masked is masked here. Every phone, code or name goes through the [`Visibility`], and so does
//! every text from outside. What an operator
//! typed is told to admins alone.

use std::fmt::Display;

use chrono::{DateTime, TimeZone, Utc};

use super::people::mask::Visibility;

mod facts;
mod line;
mod narrate;

pub use facts::{
    Act, Call, Disconnect, FormerCode, JournalledWebhook, OrderHistory, Receipt, Remarked, Session,
    Text, Twin,
};
pub use line::Line;

/// Tells an order's story as it stands at `now`; moments within a sentence are told on `clock`.
pub fn tell(
    story: &OrderHistory,
    sight: Visibility,
    now: DateTime<Utc>,
    clock: &impl TimeZone<Offset: Display>,
) -> Vec<Line> {
    let mut lines = narrate::all(story, sight, now, clock);
    lines.sort_by_key(|line| line.at);
    let mut before: Option<DateTime<Utc>> = None;
    for line in &mut lines {
        line.after_ms = before.map(|before| (line.at - before).num_milliseconds());
        before = Some(line.at);
    }
    lines
}

#[cfg(test)]
mod tests;
