//! Vouchers by their code or number, sold or printed, and the revoking of one that was printed.

use chrono::{DateTime, Utc};
use entities::{voucher_batches, vouchers};
use sea_orm::ActiveValue::Set;
use sea_orm::{EntityTrait, FromQueryResult};

use crate::domain::access::{Allowance, Serial, Usage, VoucherCode};
use crate::domain::catalog::Terms;
use crate::domain::order::OrderId;
use crate::store::engine::sql;
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
    /// Its serial; `None` for a sold one.
    pub serial: Option<Serial>,
    /// What it gives.
    pub allowance: Allowance,
    /// How much of that is used.
    pub usage: Usage,
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
        let (batch, serial) = match row.batch_id {
            None => (None, None),
            Some(id) => {
                let batch = voucher_batches::Entity::find_by_id(id).one(&db).await?;
                let number = "SELECT COUNT(*) FROM vouchers WHERE batch_id = $1 AND id <= $2";
                let number = sql::tuple(&db, number, [id.into(), row.id.into()]).await?;
                (batch, number.map(|number| Serial { batch: id, number }))
            }
        };
        Ok(Some(KnownVoucher {
            order_id,
            batch,
            serial,
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
