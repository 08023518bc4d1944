//! Vouchers by their code, and vouchers that are printed for cash: a batch of them in one transaction.
//!
//! # Invariants
//! A code is printed only after the database has it with its RADIUS user. So a batch is written whole,
//! by the same functions as a sale.

use chrono::{DateTime, Utc};
use entities::{voucher_batches, vouchers};
use sea_orm::ActiveValue::Set;
use sea_orm::{EntityTrait, FromQueryResult};

use crate::domain::access::{Allowance, RadiusUser, Usage, VoucherCode};
use crate::domain::catalog::{Terms, Tzs};
use crate::domain::order::OrderId;
use crate::store::engine::sql;
use crate::store::engine::writer::Rows;
use crate::store::error::Result;
use crate::store::operators::audit_log;
use crate::store::radius::users;
use crate::store::{AuditEntry, Store, rows};

pub use entities::voucher_batches::Model as Batch;
/// A voucher as it is stored. It has the code: log nothing of it.
pub use entities::vouchers::Model as VoucherRow;

/// A voucher, and its order.
#[derive(Clone, Debug, FromQueryResult)]
pub struct VoucherRef {
    /// The row's number, which names it where its code must not appear.
    pub id: i64,
    /// The order that it was sold with; `None` for a printed one, and for a code that was
    /// replaced, which is closed already.
    pub order_id: Option<OrderId>,
}

/// What the holder of a code may see of what was sold: nothing of the order or the guest.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Sold {
    /// The package's name in Swahili, as it was sold.
    pub name_sw: String,
    /// The same in English.
    pub name_en: String,
    /// How many devices may use it at once.
    pub shared_devices: i32,
}

/// A printed voucher has the names of the price list, while its package is there.
const SOLD: &str = "SELECT v.shared_devices AS shared_devices, \
     COALESCE(p.package_name_sw, k.name_sw, b.package_name, v.package_code) AS name_sw, \
     COALESCE(p.package_name_en, k.name_en, b.package_name, v.package_code) AS name_en \
     FROM vouchers v LEFT JOIN payments p ON p.id = COALESCE(v.payment_id, v.former_payment_id) \
     LEFT JOIN packages k ON k.code = v.package_code \
     LEFT JOIN voucher_batches b ON b.id = v.batch_id WHERE v.code = $1";

/// Everything that the database has of a voucher.
#[derive(Clone)]
pub struct KnownVoucher {
    /// Its row.
    pub row: VoucherRow,
    /// The order that it was sold with, also for a code that was replaced; `None` for a printed
    /// one.
    pub order_id: Option<OrderId>,
    /// The batch that it was printed in; `None` for a sold one.
    pub batch: Option<Batch>,
    /// What it gives.
    pub allowance: Allowance,
    /// How much of that is used.
    pub usage: Usage,
}

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

impl Store {
    /// The voucher of this number, sold or printed.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn known_voucher(&self, id: i64) -> Result<Option<KnownVoucher>> {
        let db = self.db();
        let Some(row) = vouchers::Entity::find_by_id(id).one(&db).await? else {
            return Ok(None);
        };
        // A code that was replaced still belongs to its order.
        let payment_id = row.payment_id.or(row.former_payment_id);
        let order_id = "SELECT order_id FROM payments WHERE id = $1";
        let order_id = sql::tuple(&db, order_id, [payment_id.into()]).await?;
        let batch = match row.batch_id {
            None => None,
            Some(id) => voucher_batches::Entity::find_by_id(id).one(&db).await?,
        };
        Ok(Some(KnownVoucher {
            order_id,
            batch,
            allowance: rows::allowance(&row)?,
            usage: self.usage(&row.code).await?,
            row,
        }))
    }

    /// What was sold with this code.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn sold_with(&self, code: &VoucherCode) -> Result<Option<Sold>> {
        let mut found = sql::rows(&self.db(), SOLD, [code.as_str().into()]).await?;
        Ok(found.pop())
    }

    /// The voucher with this code, if there is one.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn voucher(&self, code: VoucherCode) -> Result<Option<VoucherRef>> {
        let by_code = "SELECT v.id, p.order_id FROM vouchers v \
             LEFT JOIN payments p ON p.id = v.payment_id WHERE v.code = $1";
        let mut found = sql::rows(&self.db(), by_code, [code.as_str().into()]).await?;
        Ok(found.pop())
    }

    /// Revokes a voucher that has no order; `false` if it was revoked already, and then nothing is
    /// written.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn revoke_printed(&self, code: VoucherCode, audit: AuditEntry) -> Result<bool> {
        let now = self.clock().now();
        self.transaction(move |txn| {
            Box::pin(async move {
                // First, because it takes the row lock: a second request waits here and then changes no row.
                let revoke =
                    "UPDATE vouchers SET revoked_at = $1 WHERE code = $2 AND revoked_at IS NULL";
                if sql::execute(txn, revoke, [now.into(), code.as_str().into()]).await? == 0 {
                    return Ok(false);
                }
                users::revoke_code(txn, code.as_str(), None, now, "revoked").await?;
                audit_log::insert(txn, &audit, now).await?;
                Ok(true)
            })
        })
        .await
    }

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

    /// The newest batches.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn batches(&self, limit: u64) -> Result<Vec<Batch>> {
        sql::models(&self.db(), "ORDER BY id DESC LIMIT $1", [limit.into()]).await
    }

    /// A batch and its vouchers, in the order in which they were made.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn batch(&self, id: i64) -> Result<Option<(Batch, Vec<VoucherRow>)>> {
        let db = self.db();
        let found = voucher_batches::Entity::find_by_id(id).one(&db).await?;
        let Some(batch) = found else { return Ok(None) };
        let of_batch = "WHERE batch_id = $1 ORDER BY id";
        let vouchers = sql::models(&db, of_batch, [id.into()]).await?;
        Ok(Some((batch, vouchers)))
    }
}

/// The row of a voucher that is just issued, sold or printed.
pub fn row(code: &VoucherCode, terms: &Terms, issued_at: DateTime<Utc>) -> vouchers::ActiveModel {
    vouchers::ActiveModel {
        code: Set(code.as_str().to_owned()),
        package_code: Set(terms.code.clone()),
        duration_minutes: Set(terms.duration_minutes),
        validity: Set(terms.validity.as_str().to_owned()),
        data_limit_mb: Set(terms.data_limit_mb),
        shared_devices: Set(terms.shared_devices),
        issued_at: Set(issued_at),
        ..Default::default()
    }
}
