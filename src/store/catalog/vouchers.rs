//! Vouchers by their code, and the end of one that was sold with no order.

use chrono::{DateTime, Utc};
use entities::{payments, voucher_batches, vouchers};
use sea_orm::{DatabaseTransaction, EntityTrait, FromQueryResult};

use crate::domain::access::usage::{Allowance, Usage};
use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::ids::OrderId;
use crate::store::engine::sql;
use crate::store::operators::audit_log;
use crate::store::radius::users;
use crate::store::{AuditEntry, Batch, Store, StoreError, rows};

/// A voucher, and whose it is.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Issued {
    /// The row's number, by which it is named where its code must not stand.
    pub id: i64,
    /// The order that it was sold with; `None` for a printed one, and for a code that was
    /// replaced, which is closed already.
    pub order_id: Option<OrderId>,
}

/// Everything that the database has of a voucher.
#[derive(Clone, Debug)]
pub struct KnownVoucher {
    /// The row's number.
    pub id: i64,
    /// What the guest types.
    pub code: VoucherCode,
    /// The order that it was sold with, also by a code that was replaced; `None` for a printed
    /// one.
    pub order_id: Option<OrderId>,
    /// The batch that it was printed in; `None` for a sold one.
    pub batch: Option<Batch>,
    /// The package.
    pub package_code: String,
    /// How many devices at once.
    pub shared_devices: i32,
    /// When it was sold or printed.
    pub issued_at: DateTime<Utc>,
    /// What it gives.
    pub allowance: Allowance,
    /// What of it is used.
    pub usage: Usage,
}

impl Store {
    /// The voucher of this number, sold or printed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn known_voucher(&self, id: i64) -> Result<Option<KnownVoucher>, StoreError> {
        let db = self.db();
        let Some(row) = vouchers::Entity::find_by_id(id).one(&db).await? else {
            return Ok(None);
        };
        // A code that was replaced still belongs to its order.
        let payment = match row.payment_id.or(row.former_payment_id) {
            None => None,
            Some(id) => payments::Entity::find_by_id(id).one(&db).await?,
        };
        let batch = match row.batch_id {
            None => None,
            Some(id) => voucher_batches::Entity::find_by_id(id).one(&db).await?,
        };
        let allowance = rows::allowance(&row)?;
        let code = VoucherCode::from_stored(row.code);
        Ok(Some(KnownVoucher {
            id,
            usage: self.usage(&code).await?,
            code,
            order_id: payment.map(|payment| OrderId(payment.order_id)),
            batch,
            package_code: row.package_code,
            shared_devices: row.shared_devices,
            issued_at: row.issued_at,
            allowance,
        }))
    }

    /// The voucher with this code, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn voucher(&self, code: VoucherCode) -> Result<Option<Issued>, StoreError> {
        let by_code = "SELECT v.id, p.order_id FROM vouchers v \
             LEFT JOIN payments p ON p.id = v.payment_id WHERE v.code = $1";
        sql::row(&self.db(), by_code, [code.as_str().into()]).await
    }

    /// Takes a voucher back that was sold with no order; `false` if it was taken back already, and
    /// then nothing is written.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn revoke_printed(
        &self,
        code: VoucherCode,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let now = self.clock().now();
        self.transaction(move |txn| Box::pin(revoke_printed(txn, code, audit, now)))
            .await
    }
}

async fn revoke_printed(
    txn: &DatabaseTransaction,
    code: VoucherCode,
    audit: AuditEntry,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    // First, because it takes the row lock: of two that revoke at once the second finds it done.
    let mark = "UPDATE vouchers SET revoked_at = $1 WHERE code = $2 AND revoked_at IS NULL";
    let marked = sql::execute(txn, mark, [now.into(), code.as_str().into()]).await?;
    if marked == 0 {
        return Ok(false);
    }
    users::revoke_users(txn, code.as_str(), None, now, "revoked").await?;
    audit_log::insert(txn, &audit, now).await?;
    Ok(true)
}
