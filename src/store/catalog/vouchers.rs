//! Vouchers by their code, and the end of one that nobody has bought.

use chrono::{DateTime, Utc};
use entities::{payments, voucher_batches, vouchers};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};

use crate::domain::access::usage::{Allowance, Usage};
use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::ids::OrderId;
use crate::store::operators::audit_log;
use crate::store::radius::users;
use crate::store::{AuditEntry, Batch, Store, StoreError, rows};

/// A voucher, and whose it is.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The row's number, by which it is named where its code must not stand.
    pub id: i64,
    /// The order that it was sold with; `None` for a printed one, and for a code that was
    /// replaced, which is closed already.
    pub order_id: Option<OrderId>,
}

/// Everything that the books hold of a voucher.
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
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn known_voucher(&self, id: i64) -> Result<Option<KnownVoucher>, StoreError> {
        let store = self.clone();
        self.read(async move { known(&store, id).await }).await
    }

    /// The voucher with this code, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn voucher(&self, code: VoucherCode) -> Result<Option<Issued>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let found = vouchers::Entity::find()
                .filter(vouchers::Column::Code.eq(code.as_str()))
                .find_also_related(payments::Entity)
                .one(&store.inner.reader)
                .await?;
            Ok(found.map(|(voucher, payment)| Issued {
                id: voucher.id,
                order_id: payment.map(|payment| OrderId(payment.order_id)),
            }))
        })
        .await
    }

    /// Takes a voucher back that was sold with no order; `false` if somebody has done so
    /// already, and then nothing is written.
    ///
    /// # Errors
    /// The [`StoreError`]; then nothing was written, unless it says that it does not know.
    pub async fn revoke_printed(
        &self,
        code: VoucherCode,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let now = self.clock().now();
        self.transaction(move |txn| {
            Box::pin(async move { revoke_printed(txn, &code, &audit, now).await })
        })
        .await
    }
}

async fn known(store: &Store, id: i64) -> Result<Option<KnownVoucher>, StoreError> {
    let db = &store.inner.reader;
    let Some(row) = vouchers::Entity::find_by_id(id).one(db).await? else {
        return Ok(None);
    };
    // A code that was replaced is still told by its order.
    let payment = match row.payment_id.or(row.former_payment_id) {
        None => None,
        Some(id) => payments::Entity::find_by_id(id).one(db).await?,
    };
    let batch = match row.batch_id {
        None => None,
        Some(id) => {
            let batch = voucher_batches::Entity::find_by_id(id);
            batch.into_model::<Batch>().one(db).await?
        }
    };
    let code = VoucherCode::from_stored(row.code.clone());
    Ok(Some(KnownVoucher {
        id,
        usage: store.usage(&code).await?,
        code,
        order_id: payment.map(|payment| OrderId(payment.order_id)),
        batch,
        package_code: row.package_code.clone(),
        shared_devices: row.shared_devices,
        issued_at: row.issued_at,
        allowance: rows::allowance(&row)?,
    }))
}

async fn revoke_printed(
    txn: &DatabaseTransaction,
    code: &VoucherCode,
    audit: &AuditEntry,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    // First, because it takes the row lock: of two who revoke at once the second finds it done.
    let marked = vouchers::Entity::update_many()
        .col_expr(vouchers::Column::RevokedAt, Expr::value(now))
        .filter(vouchers::Column::Code.eq(code.as_str()))
        .filter(vouchers::Column::RevokedAt.is_null())
        .exec(txn)
        .await?;
    if marked.rows_affected == 0 {
        return Ok(false);
    }
    users::shut_out(txn, code.as_str(), None, now, "revoked").await?;
    audit_log::insert(txn, audit, now).await?;
    Ok(true)
}
