//! Vouchers that are printed for cash: a batch of them in one transaction.
//!
//! The rule that must not be broken: a code is on paper only if it is in the books with its
//! RADIUS user. So a batch is written whole, by the same lines as a sale, and printed after.

use chrono::{DateTime, Utc};
use entities::{voucher_batches, vouchers};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use crate::domain::access::radius_user::RadiusUser;
use crate::domain::access::voucher::VoucherCode;
use crate::domain::catalog::money::Tzs;
use crate::domain::catalog::package::Terms;
use crate::store::engine::writer::Rows;
use crate::store::operators::audit_log;
use crate::store::radius::users;
use crate::store::{AuditEntry, Store, StoreError};

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

/// A batch, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Batch {
    /// Its number.
    pub id: i64,
    /// The package.
    pub package_code: String,
    /// Its name in English, as it was then.
    pub package_name: String,
    /// Of each voucher, in whole TZS.
    pub price: i64,
    /// How many.
    pub count: i32,
    /// Where they are sold.
    pub note: Option<String>,
    /// Who had it made.
    pub operator: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// One voucher of a batch.
#[derive(Clone)]
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
    /// [`StoreError::CodeTaken`]: one of the codes exists; make others. Any other: nothing was
    /// written, unless it says that it does not know.
    pub async fn print(&self, batch: NewBatch, audit: AuditEntry) -> Result<i64, StoreError> {
        let now = self.clock().now();
        self.transaction(move |txn| Box::pin(async move { print(txn, &batch, audit, now).await }))
            .await
    }

    /// The newest batches.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn batches(&self, limit: u64) -> Result<Vec<Batch>, StoreError> {
        let store = self.clone();
        self.read(async move {
            Ok(voucher_batches::Entity::find()
                .order_by_desc(voucher_batches::Column::Id)
                .limit(limit)
                .into_model::<Batch>()
                .all(&store.inner.reader)
                .await?)
        })
        .await
    }

    /// A batch and its vouchers, in the order in which they were made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn batch(&self, id: i64) -> Result<Option<(Batch, Vec<PrintedVoucher>)>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let found = voucher_batches::Entity::find_by_id(id)
                .into_model::<Batch>()
                .one(&store.inner.reader)
                .await?;
            let Some(batch) = found else { return Ok(None) };
            let rows = vouchers::Entity::find()
                .filter(vouchers::Column::BatchId.eq(id))
                .order_by_asc(vouchers::Column::Id)
                .all(&store.inner.reader)
                .await?;
            let printed = rows.into_iter().map(|row| PrintedVoucher {
                code: VoucherCode::from_stored(row.code),
                duration_minutes: row.duration_minutes,
                shared_devices: row.shared_devices,
                is_revoked: row.revoked_at.is_some(),
            });
            Ok(Some((batch, printed.collect())))
        })
        .await
    }

    /// How many vouchers of a batch were taken back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn revoked_of(&self, id: i64) -> Result<u64, StoreError> {
        let store = self.clone();
        self.read(async move {
            Ok(vouchers::Entity::find()
                .filter(vouchers::Column::BatchId.eq(id))
                .filter(vouchers::Column::RevokedAt.is_not_null())
                .count(&store.inner.reader)
                .await?)
        })
        .await
    }
}

async fn print(
    txn: &DatabaseTransaction,
    batch: &NewBatch,
    audit: AuditEntry,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let row = voucher_batches::ActiveModel {
        package_code: Set(batch.terms.code.clone()),
        package_name: Set(batch.terms.name_en.clone()),
        price: Set(batch.price.0),
        count: Set(i32::try_from(batch.vouchers.len()).unwrap_or(i32::MAX)),
        note: Set(batch.note.clone()),
        operator: Set(audit.operator.clone()),
        created_at: Set(now),
        ..Default::default()
    };
    let id = voucher_batches::Entity::insert(row)
        .exec(txn)
        .await?
        .last_insert_id;
    let terms = &batch.terms;
    let issued: Vec<_> = batch
        .vouchers
        .iter()
        .map(|(code, _)| vouchers::ActiveModel {
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
        })
        .collect();
    vouchers::Entity::insert_many(issued)
        .exec_without_returning(txn)
        .await?;
    let users: Vec<&RadiusUser> = batch.vouchers.iter().map(|(_, user)| user).collect();
    let mut rows = Rows::default();
    users::let_in(&mut rows, &users);
    rows.write(txn).await?;
    let audit = AuditEntry {
        subject: format!("batch {id}"),
        ..audit
    };
    audit_log::insert(txn, &audit, now).await?;
    Ok(id)
}
