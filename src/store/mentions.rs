//! Rows that name a person and are not of the person's orders, such as deliveries about other orders, the
//! audit log, or notes on printed vouchers. They are read a slice at a time and before the transaction that
//! erases them, so that a sale waits for no search; asking for the erasure again finds what was written in
//! between.
//!
//! # Invariants
//! - The phone is searched for in every text from outside. A name, which guests choose themselves, is searched
//!   for only where people write of guests: never in a word, a number or an answer of ZenoPay, nor in the lines
//!   about operators, routers and packages.
//! - If more than [`NAMED_MAX`] rows of others have only the name, it is not searched for at all.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};
use uuid::Uuid;

use super::Store;
use super::engine::sql;
use super::error::Result;
use crate::domain::order::OrderId;
use crate::domain::people::Person;

/// Rows of a slice.
const SLICE: u64 = 500;
/// A text that more rows of others have is no name of one person: a guest may be called `Payment Received`.
const NAMED_MAX: u64 = 20;
/// The only searched column that is not text: what ZenoPay sent.
const BODY: &str = "body";
/// How the subject of an audit line begins if its detail may be about a guest.
const OF_GUESTS: [&str; 5] = ["order", "voucher ", "batch ", "search", "erased-"];

/// A table that may name a person.
struct Table {
    name: &'static str,
    /// Columns with text from outside.
    columns: &'static [&'static str],
    /// Those of them in which people write of guests.
    typed: &'static [&'static str],
    /// The SQL value that such a column gets; if it is `None`, the row is deleted.
    erased: Option<&'static str>,
    key: Key,
}

/// How a row names its order.
enum Key {
    None,
    Id,
    /// As the sender of a webhook named it.
    Text,
}

const ERASED: Option<&str> = Some("'erased'");

#[rustfmt::skip] // A table is read by its rows.
static TABLES: [Table; 8] = [
    Table { name: "webhook_deliveries", columns: &["order_id", "word", "reference", "content_type", BODY], typed: &[BODY], erased: ERASED, key: Key::Text },
    Table { name: "audit_events", columns: &["subject", "detail"], typed: &["detail"], erased: ERASED, key: Key::Id },
    Table { name: "order_events", columns: &["summary", "reference"], typed: &[], erased: ERASED, key: Key::Id },
    Table { name: "voucher_batches", columns: &["note"], typed: &["note"], erased: ERASED, key: Key::None },
    Table { name: "radpostauth", columns: &["username", "pass", "reply"], typed: &["username", "pass"], erased: None, key: Key::None },
    Table { name: "gateway_calls", columns: &["answer", "detail"], typed: &[], erased: ERASED, key: Key::Id },
    // What a gateway said of the payer and an operator of the guest, also of other phones' payments.
    Table { name: "payments", columns: &["payer_msisdn", "reference", "transid", "channel", "operator_reason"], typed: &["operator_reason"], erased: Some("NULL"), key: Key::Id },
    Table { name: "vouchers", columns: &["revoked_reason"], typed: &["revoked_reason"], erased: ERASED, key: Key::None },
];

/// A column of a row that names the person.
struct Mention {
    table: &'static Table,
    id: i64,
    column: &'static str,
    /// Whether the row is of one of the person's orders.
    is_own: bool,
    /// Whether the column has the name and not the phone.
    by_name: bool,
}

/// Where a person is named.
pub(super) struct Mentions {
    found: Vec<Mention>,
    /// Rows of others that have the name and keep it, because so many have it; usually none.
    pub(super) common_names: u64,
}

impl Mentions {
    /// How many rows of others name the person, by table.
    pub(super) fn of_others(&self) -> BTreeMap<&'static str, u64> {
        let rows = self.found.iter().filter(|it| !it.is_own);
        let rows: BTreeSet<_> = rows.map(|it| (it.table.name, it.id)).collect();
        let mut counts = BTreeMap::new();
        for (table, _) in rows {
            *counts.entry(table).or_default() += 1;
        }
        counts
    }

    /// Keeps the name where so many rows have it. `archived` are the bodies of others in the archive that
    /// have only the name.
    fn keep_common_names(mut self, archived: u64) -> Self {
        // A refused log-in is no evidence, and a router may repeat it.
        let counted = |it: &&Mention| it.by_name && !it.is_own && it.table.erased.is_some();
        let rows: BTreeSet<_> = (self.found.iter().filter(counted))
            .map(|it| (it.table.name, it.id))
            .collect();
        let named = archived + rows.len() as u64;
        if named > NAMED_MAX {
            self.found.retain(|it| !it.by_name);
            self.common_names = named;
        }
        self
    }

    /// Erases what was found.
    pub(super) async fn erase(self, txn: &DatabaseTransaction) -> Result<()> {
        for Mention {
            table, id, column, ..
        } in self.found
        {
            // Whichever column of a delivery names the person, its body is deleted too.
            if table.columns.contains(&BODY) {
                let clear = "UPDATE webhook_deliveries SET body = $1 WHERE id = $2";
                sql::execute(txn, clear, [Vec::<u8>::new().into(), id.into()]).await?;
            }
            if column != BODY {
                let name = table.name;
                let erase = match table.erased {
                    Some(value) => format!("UPDATE {name} SET {column} = {value} WHERE id = $1"),
                    None => format!("DELETE FROM {name} WHERE id = $1"),
                };
                sql::execute(txn, &erase, [id.into()]).await?;
            }
        }
        Ok(())
    }
}

impl Store {
    pub(super) async fn mentions(
        &self,
        person: &Person,
        own: &HashSet<OrderId>,
        archived: u64,
    ) -> Result<Mentions> {
        let (db, mut found) = (self.db(), Vec::new());
        for table in &TABLES {
            let mut columns = table.columns.join(", ");
            if matches!(table.key, Key::Id) {
                columns += ", order_id";
            }
            let query = format!(
                "SELECT id, {columns} FROM {} WHERE id > $1 ORDER BY id LIMIT {SLICE}",
                table.name
            );
            let mut after = i64::MIN;
            loop {
                let slice = sql::statement(&db, &query, [after.into()]);
                let rows = db.query_all_raw(slice).await?;
                let Some(last) = rows.last() else { break };
                after = last.try_get_by_index(0)?;
                for row in &rows {
                    table.search(row, person, own, &mut found)?;
                }
            }
        }
        let all = Mentions {
            found,
            common_names: 0,
        };
        Ok(all.keep_common_names(archived))
    }
}

impl Table {
    fn search(
        &'static self,
        row: &QueryResult,
        person: &Person,
        own: &HashSet<OrderId>,
        found: &mut Vec<Mention>,
    ) -> Result<()> {
        for &column in self.columns {
            let Some(text) = text_of(row, column)? else {
                continue;
            };
            let by_name = !person.has_phone_in(&text);
            if by_name && !(self.is_typed(row, column)? && person.has_name_in(&text)) {
                continue;
            }
            found.push(Mention {
                table: self,
                id: row.try_get_by_index(0)?,
                column,
                is_own: self.order_of(row)?.is_some_and(|it| own.contains(&it)),
                by_name,
            });
        }
        Ok(())
    }

    /// Whether a person may have written of a guest here.
    fn is_typed(&self, row: &QueryResult, column: &str) -> Result<bool> {
        if !self.typed.contains(&column) {
            return Ok(false);
        }
        if self.name != "audit_events" {
            return Ok(true);
        }
        let subject: String = row.try_get_by("subject")?;
        Ok(OF_GUESTS.iter().any(|it| subject.starts_with(it)))
    }

    fn order_of(&self, row: &QueryResult) -> Result<Option<OrderId>> {
        Ok(match self.key {
            Key::None => None,
            Key::Id => row.try_get_by::<Option<Uuid>, _>("order_id")?.map(OrderId),
            Key::Text => {
                let named: Option<String> = row.try_get_by("order_id")?;
                named.and_then(|text| text.parse().ok())
            }
        })
    }
}

fn text_of(row: &QueryResult, column: &str) -> Result<Option<String>> {
    if column == BODY {
        let body: Vec<u8> = row.try_get_by(column)?;
        return Ok(Some(String::from_utf8_lossy(&body).into_owned()));
    }
    Ok(row.try_get_by(column)?)
}
