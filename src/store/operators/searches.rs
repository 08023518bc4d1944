//! Searches by viewers. What a viewer finds is masked, but that something is found tells that a phone or a
//! code exists. So each search is in the audit log, and there are at most thirty a minute.

use chrono::{DateTime, TimeDelta, Utc};

use super::audit_log::{self, AuditEntry};
use crate::store::Store;
use crate::store::engine::sql;
use crate::store::error::Result;

/// The action in the audit log.
const SEARCH: &str = "search";
/// Searches of one viewer in [`SPAN`], in all processes.
const SEARCHES_MAX: usize = 30;
const SPAN: TimeDelta = TimeDelta::seconds(60);

impl Store {
    /// Logs a search, before it is made. Returns the seconds to wait instead, if there were too many; then
    /// nothing may be searched.
    ///
    /// # Errors
    /// As `Store::transaction`; nothing may then be searched.
    pub async fn count_search(&self, operator: &str, text: &str) -> Result<Option<u64>> {
        let entry = AuditEntry {
            operator: operator.to_owned(),
            action: SEARCH,
            order_id: None,
            subject: "search".to_owned(),
            detail: Some(text.to_owned()),
        };
        let now = self.clock().now();
        self.transaction(move |txn| {
            Box::pin(async move {
                // Locks the row on PostgreSQL, so that searches at the same moment are counted one after
                // the other. SQLite has one writer.
                let lock = "UPDATE operators SET name = name WHERE name = $1";
                sql::execute(txn, lock, [entry.operator.as_str().into()]).await?;
                // A row from the future, by a clock that was ahead, does not count.
                let made = "SELECT at FROM audit_events WHERE at > $1 AND at < $2 \
                     AND operator = $3 AND action = 'search' ORDER BY at DESC LIMIT 30";
                let values = [
                    (now - SPAN).into(),
                    (now + SPAN).into(),
                    entry.operator.as_str().into(),
                ];
                let made: Vec<DateTime<Utc>> = sql::tuples(txn, made, values).await?;
                if let Some(first) = made.get(SEARCHES_MAX - 1) {
                    let wait = (*first + SPAN - now).num_seconds() + 1;
                    return Ok(Some(u64::try_from(wait).unwrap_or(1).clamp(1, 60)));
                }
                audit_log::insert(txn, &entry, now).await?;
                Ok(None)
            })
        })
        .await
    }
}
