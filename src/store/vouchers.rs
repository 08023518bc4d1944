//! Vouchers by their code, and the end of one that nobody has bought.

use chrono::{DateTime, Utc};
use entities::{payments, vouchers};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};

use super::{AuditEntry, Store, StoreError, audit_log, radius_users, roll_back};
use crate::domain::ids::OrderId;
use crate::domain::voucher::VoucherCode;

/// A voucher, and whose it is.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The row's number, by which it is named where its code must not stand.
    pub id: i64,
    /// The order that it was sold with; `None` for a printed one, and for a code that was
    /// replaced, which is closed already.
    pub order_id: Option<OrderId>,
}

impl Store {
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
        let store = self.clone();
        self.run(async move {
            let now = store.clock().now();
            let txn = store.begin().await?;
            match revoke_printed(&txn, &code, &audit, now).await {
                Ok(true) => {
                    txn.commit().await.map_err(StoreError::CommitUnknown)?;
                    Ok(true)
                }
                Ok(false) => {
                    roll_back(txn).await;
                    Ok(false)
                }
                Err(error) => {
                    roll_back(txn).await;
                    Err(error)
                }
            }
        })
        .await
    }
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
    radius_users::shut_out(txn, code.as_str(), None, now, "revoked").await?;
    audit_log::insert(txn, audit, now).await?;
    Ok(true)
}
