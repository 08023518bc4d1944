//! The same voucher under another code. Its row gives up its payment for a new one, so that the
//! unique key still holds a payment to one voucher, and stays in the books as a former code.

use chrono::{DateTime, Utc};
use entities::{sms_messages, vouchers};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};

use super::sale;
use crate::domain::access::radius_user::RadiusUser;
use crate::domain::order::payment::Payment;
use crate::domain::order::reissue::{Replaced, Replacement};
use crate::store::engine::writer::Rows;
use crate::store::radius::users;
use crate::store::{Store, StoreError};

/// The names that sessions of a voucher may have: its code `$1`, and those that it replaced.
pub(in crate::store) const NAMES: &str = "SELECT CAST($1 AS text) UNION ALL \
     SELECT f.code FROM vouchers v JOIN vouchers f ON f.former_payment_id = v.payment_id \
     WHERE v.code = $1";

impl Store {
    /// How often the code of this payment was replaced, in all and since `lately`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn replaced(
        &self,
        payment_id: i64,
        lately: DateTime<Utc>,
    ) -> Result<Replaced, StoreError> {
        let store = self.clone();
        self.read(async move {
            let times: Vec<Option<DateTime<Utc>>> = vouchers::Entity::find()
                .select_only()
                .column(vouchers::Column::RevokedAt)
                .filter(vouchers::Column::FormerPaymentId.eq(payment_id))
                .into_tuple()
                .all(&store.inner.reader)
                .await?;
            let count = |times: usize| u32::try_from(times).unwrap_or(u32::MAX);
            let is_late = |at: &&Option<DateTime<Utc>>| at.is_some_and(|at| at > lately);
            Ok(Replaced {
                ever: count(times.len()),
                lately: count(times.iter().filter(is_late).count()),
            })
        })
        .await
    }
}

/// What lets the new code in.
pub(in crate::store) fn gather(
    rows: &mut Rows,
    replacement: &Replacement,
    radius_user: Option<&RadiusUser>,
) -> Result<(), StoreError> {
    let payment = &replacement.payment;
    let radius_user = radius_user
        .ok_or_else(|| StoreError::Corrupt("a new code without a RADIUS user".to_owned()))?;
    sale::issue_voucher(rows, payment)?;
    users::let_in(rows, &[radius_user]);
    sale::queue_sms(rows, payment, &replacement.sms, replaced_at(payment)?);
    Ok(())
}

/// Closes the old code.
pub(in crate::store) async fn close(
    txn: &DatabaseTransaction,
    replacement: &Replacement,
) -> Result<(), StoreError> {
    let payment = &replacement.payment;
    let (old, at) = (replacement.old.as_str(), replaced_at(payment)?);
    let gave_up = vouchers::Entity::update_many()
        .col_expr(vouchers::Column::PaymentId, Expr::value(None::<i64>))
        .col_expr(vouchers::Column::FormerPaymentId, Expr::value(payment.id))
        .filter(vouchers::Column::Code.eq(old))
        .filter(vouchers::Column::PaymentId.eq(payment.id))
        .exec(txn)
        .await?;
    if gave_up.rows_affected != 1 {
        return Err(StoreError::Conflict);
    }
    users::shut_out(txn, old, Some(payment.order_id), at, "replaced").await?;
    // What has not left yet must not bring a code that is closed.
    sms_messages::Entity::update_many()
        .col_expr(
            sms_messages::Column::Body,
            Expr::value(replacement.sms.text.as_str()),
        )
        .filter(sms_messages::Column::PaymentId.eq(payment.id))
        .filter(sms_messages::Column::State.is_in(["queued", "failed"]))
        .exec(txn)
        .await?;
    Ok(())
}

/// When the new voucher took the place of the old one.
fn replaced_at(payment: &Payment) -> Result<DateTime<Utc>, StoreError> {
    let voucher = payment.voucher.as_ref();
    voucher
        .map(|voucher| voucher.issued_at)
        .ok_or_else(|| StoreError::Corrupt("a new code without a voucher".to_owned()))
}
