//! Vouchers that are printed for cash: a batch of them in one transaction.
//!
//! # Invariants
//! A code is on paper only if the database has it with its RADIUS user. So a batch is written whole,
//! by the same functions as a sale, and printed after.

use chrono::{DateTime, Utc};
use entities::{voucher_batches, vouchers};
use sea_orm::ActiveValue::Set;
use sea_orm::{DatabaseTransaction, EntityTrait, FromQueryResult};

use crate::domain::access::RadiusUser;
use crate::domain::access::voucher::VoucherCode;
use crate::domain::catalog::money::Tzs;
use crate::domain::catalog::package::Terms;
use crate::store::engine::sql;
use crate::store::engine::writer::Rows;
use crate::store::operators::audit_log;
use crate::store::radius::users;
use crate::store::{AuditEntry, Store, StoreError};

pub use entities::voucher_batches::Model as Batch;

/// What is to be printed.
#[derive(Clone)]
pub struct NewBatch {
    /// What each voucher gives.
    pub terms: Terms,
    /// What each costs in cash.
    pub price: Tzs,
    /// Where they are sold, or whatever else helps to find them again.
    pub note: Option<String>,
    /// Each with its RADIUS user.
    pub vouchers: Vec<(VoucherCode, RadiusUser)>,
}

/// One voucher of a batch.
#[derive(Clone, FromQueryResult)]
pub struct PrintedVoucher {
    /// What the guest types.
    pub code: VoucherCode,
    /// How long it lasts, from the first log-in.
    pub duration_minutes: i32,
    /// How many devices at once.
    pub shared_devices: i32,
    /// An operator took it back.
    pub is_revoked: bool,
}

impl Store {
    /// Writes a batch in one transaction, and returns its number.
    ///
    /// # Errors
    /// [`StoreError::CodeTaken`]: one of the codes exists; make others. Others as
    /// `Store::transaction`.
    pub async fn print(&self, batch: NewBatch, audit: AuditEntry) -> Result<i64, StoreError> {
        let now = self.clock().now();
        self.transaction(move |txn| Box::pin(print(txn, batch, audit, now)))
            .await
    }

    /// The newest batches.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn batches(&self, limit: u64) -> Result<Vec<Batch>, StoreError> {
        let newest = sql::select::<voucher_batches::Entity>("ORDER BY id DESC LIMIT $1");
        sql::rows(&self.db(), &newest, [limit.into()]).await
    }

    /// A batch and its vouchers, in the order in which they were made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn batch(&self, id: i64) -> Result<Option<(Batch, Vec<PrintedVoucher>)>, StoreError> {
        let db = self.db();
        let found = voucher_batches::Entity::find_by_id(id).one(&db).await?;
        let Some(batch) = found else { return Ok(None) };
        let of_batch = "SELECT code, duration_minutes, shared_devices, \
             revoked_at IS NOT NULL AS is_revoked FROM vouchers WHERE batch_id = $1 ORDER BY id";
        let vouchers = sql::rows(&db, of_batch, [id.into()]).await?;
        Ok(Some((batch, vouchers)))
    }
}

async fn print(
    txn: &DatabaseTransaction,
    batch: NewBatch,
    audit: AuditEntry,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let terms = &batch.terms;
    let row = voucher_batches::ActiveModel {
        package_code: Set(terms.code.clone()),
        package_name: Set(terms.name_en.clone()),
        price: Set(batch.price.0),
        count: Set(i32::try_from(batch.vouchers.len()).unwrap_or(i32::MAX)),
        note: Set(batch.note),
        operator: Set(audit.operator.clone()),
        created_at: Set(now),
        ..Default::default()
    };
    let inserted = voucher_batches::Entity::insert(row).exec(txn).await?;
    let id = inserted.last_insert_id;
    let issued = |(code, _): &(VoucherCode, _)| vouchers::ActiveModel {
        code: Set(code.as_str().to_owned()),
        payment_id: Set(None),
        batch_id: Set(Some(id)),
        package_code: Set(terms.code.clone()),
        duration_minutes: Set(terms.duration_minutes),
        validity: Set(terms.validity.as_str().to_owned()),
        data_limit_mb: Set(terms.data_limit_mb),
        shared_devices: Set(terms.shared_devices),
        issued_at: Set(now),
        expires_at: Set(None),
        ..Default::default()
    };
    vouchers::Entity::insert_many(batch.vouchers.iter().map(issued))
        .exec_without_returning(txn)
        .await?;
    let mut rows = Rows::default();
    for (_, user) in &batch.vouchers {
        users::provision(&mut rows, user);
    }
    rows.write(txn).await?;
    let subject = format!("batch {id}");
    audit_log::insert(txn, &AuditEntry { subject, ..audit }, now).await?;
    Ok(id)
}
