//! Batches of printed vouchers: made, read and revoked, each in one transaction.
//!
//! # Invariants
//! A code is printed only after the database has it with its RADIUS user. So a batch is written whole,
//! by the same functions as a sale. Its rows are never deleted, so the serials of its cards stay.

use entities::{voucher_batches, vouchers};
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;

use super::vouchers::{Batch, VoucherRow, row};
use crate::domain::access::{RadiusUser, Remaining, Serial, Usage, VoucherCode};
use crate::domain::catalog::{Terms, Tzs};
use crate::store::engine::sql;
use crate::store::engine::writer::Rows;
use crate::store::error::Result;
use crate::store::operators::audit_log;
use crate::store::radius::users;
use crate::store::{AuditEntry, Store, rows};

/// A batch that is to be printed.
#[derive(Clone)]
pub struct NewBatch {
    /// What each voucher gives.
    pub terms: Terms,
    /// What each costs in cash.
    pub price: Tzs,
    /// Where they are sold, or anything else that helps to find them again.
    pub note: Option<String>,
    /// Each with its RADIUS user.
    pub vouchers: Vec<(VoucherCode, RadiusUser)>,
}

/// A printed voucher of a batch. It has the code: log nothing of it.
pub struct Card {
    /// Its place in the batch.
    pub serial: Serial,
    /// The row.
    pub row: VoucherRow,
    /// What is used.
    pub usage: Usage,
    /// What is left.
    pub remaining: Remaining,
}

/// How many cards of a batch are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchCounts {
    /// Not used and not revoked.
    pub unused: u64,
    /// Used, and not revoked.
    pub used: u64,
    /// Revoked.
    pub revoked: u64,
}

/// A batch whose unused cards are revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedBatch {
    /// Its number.
    pub id: i64,
    /// Cards that were revoked now.
    pub revoked: u64,
    /// Cards that were revoked before.
    pub before: u64,
    /// Used cards, which stay as they are.
    pub used: u64,
}

impl Store {
    /// Writes a batch in one transaction, and returns its number.
    ///
    /// # Errors
    /// `StoreError::CodeTaken`: one of the codes exists; make others. Others as
    /// `Store::transaction`.
    pub async fn add_batch(&self, batch: NewBatch, audit: AuditEntry) -> Result<i64> {
        let now = self.clock().now();
        self.transaction(move |txn| {
            Box::pin(async move {
                let NewBatch { terms, price, .. } = batch;
                let inserted = voucher_batches::Entity::insert(voucher_batches::ActiveModel {
                    package_code: Set(terms.code.clone()),
                    package_name: Set(terms.name_en.clone()),
                    price: Set(price.0),
                    count: Set(i32::try_from(batch.vouchers.len()).unwrap_or(i32::MAX)),
                    note: Set(batch.note),
                    operator: Set(audit.operator.clone()),
                    created_at: Set(now),
                    ..Default::default()
                });
                let id = inserted.exec(txn).await?.last_insert_id;
                let mut rows = Rows::default();
                for (code, user) in &batch.vouchers {
                    rows.add(vouchers::ActiveModel {
                        batch_id: Set(Some(id)),
                        ..row(code, &terms, now)
                    });
                    users::provision(&mut rows, user);
                }
                rows.write(txn).await?;
                let subject = format!("batch {id}");
                audit_log::insert(txn, &AuditEntry { subject, ..audit }, now).await?;
                Ok(id)
            })
        })
        .await
    }

    /// Revokes the cards of a batch that no guest has used; `None` if there is no such batch. If there is
    /// no such card, nothing is written.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn revoke_batch(&self, id: i64, audit: AuditEntry) -> Result<Option<RevokedBatch>> {
        let now = self.clock().now();
        self.transaction_if(move |txn| {
            Box::pin(async move {
                // First, because it takes the row's lock: a second request waits here, and then finds no card.
                let lock = "UPDATE voucher_batches SET count = count WHERE id = $1";
                if sql::execute(txn, lock, [id.into()]).await? == 0 {
                    return Ok(None);
                }
                let revoked = users::revoke_unused(txn, id, now, "revoked").await?;
                if revoked > 0 {
                    audit_log::insert(txn, &audit, now).await?;
                }
                let counts = "SELECT COUNT(CASE WHEN revoked_at IS NULL THEN 1 END), \
                     COUNT(revoked_at) FROM vouchers WHERE batch_id = $1";
                let counts: Option<(i64, i64)> = sql::tuple(txn, counts, [id.into()]).await?;
                let (used, all) = counts.unwrap_or_default();
                Ok(Some(RevokedBatch {
                    id,
                    revoked,
                    before: all.unsigned_abs().saturating_sub(revoked),
                    used: used.unsigned_abs(),
                }))
            })
        })
        .await
    }

    /// The newest batches.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn batches(&self, limit: u64) -> Result<Vec<Batch>> {
        sql::models(&self.db(), "ORDER BY id DESC LIMIT $1", [limit.into()]).await
    }

    /// A batch and its cards, in the order of their serials.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn batch(&self, id: i64) -> Result<Option<(Batch, Vec<Card>)>> {
        let db = self.db();
        let found = voucher_batches::Entity::find_by_id(id).one(&db).await?;
        let Some(batch) = found else { return Ok(None) };
        let of_batch = "WHERE batch_id = $1 ORDER BY id";
        let vouchers: Vec<VoucherRow> = sql::models(&db, of_batch, [id.into()]).await?;
        let mut usage = self.usage_of_batch(id).await?;
        let now = self.clock().now();
        let cards = (1..).zip(vouchers).map(|(number, row)| {
            let usage = usage.remove(&row.code).unwrap_or_default();
            Ok(Card {
                serial: Serial { batch: id, number },
                remaining: Remaining::of(&rows::allowance(&row)?, &usage, now),
                usage,
                row,
            })
        });
        Ok(Some((batch, cards.collect::<Result<_>>()?)))
    }

    /// The row's number of the card with this serial.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn card_of_serial(&self, serial: Serial) -> Result<Option<i64>> {
        let card = "SELECT id FROM vouchers WHERE batch_id = $1 ORDER BY id LIMIT 1 OFFSET $2";
        let values = [serial.batch.into(), (serial.number - 1).into()];
        sql::tuple(&self.db(), card, values).await
    }
}

impl BatchCounts {
    /// Counts these cards.
    pub fn of(cards: &[Card]) -> Self {
        let mut counts = Self::default();
        for card in cards {
            let is_used = card.usage.first_login_at.is_some();
            match (card.row.revoked_at.is_some(), is_used) {
                (true, _) => counts.revoked += 1,
                (false, true) => counts.used += 1,
                (false, false) => counts.unused += 1,
            }
        }
        counts
    }
}
