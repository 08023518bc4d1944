//! The same voucher under another code. Its row gives its payment to a new one, so that the unique
//! key still holds a payment to one voucher, and stays in the database as a former code.

use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;

use super::sale;
use crate::domain::access::RadiusUser;
use crate::domain::order::payment::Payment;
use crate::domain::order::{Replaced, Replacement};
use crate::store::engine::sql;
use crate::store::engine::writer::Rows;
use crate::store::radius::users;
use crate::store::{Store, StoreError};

impl Store {
    /// How often the code of this payment was replaced, in all and since `lately`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn replaced(
        &self,
        payment_id: i64,
        lately: DateTime<Utc>,
    ) -> Result<Replaced, StoreError> {
        let times = "SELECT revoked_at FROM vouchers WHERE former_payment_id = $1";
        let times: Vec<Option<DateTime<Utc>>> =
            sql::tuples(&self.db(), times, [payment_id.into()]).await?;
        let count = |times: usize| u32::try_from(times).unwrap_or(u32::MAX);
        let is_late = |at: &&Option<DateTime<Utc>>| at.is_some_and(|at| at > lately);
        Ok(Replaced {
            ever: count(times.len()),
            lately: count(times.iter().filter(is_late).count()),
        })
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
    users::provision(rows, radius_user);
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
    let give_up = "UPDATE vouchers SET payment_id = NULL, former_payment_id = $1 \
         WHERE code = $2 AND payment_id = $1";
    if sql::execute(txn, give_up, [payment.id.into(), old.into()]).await? != 1 {
        return Err(StoreError::Conflict);
    }
    users::revoke_users(txn, old, Some(payment.order_id), at, "replaced").await?;
    // What has not left yet must not bring a code that is closed.
    let correct = "UPDATE sms_messages SET body = $1 \
         WHERE payment_id = $2 AND state IN ('queued', 'failed')";
    let text = replacement.sms.text.as_str();
    sql::execute(txn, correct, [text.into(), payment.id.into()]).await?;
    Ok(())
}

/// When the new voucher took the place of the old one.
fn replaced_at(payment: &Payment) -> Result<DateTime<Utc>, StoreError> {
    let voucher = payment.voucher.as_ref();
    voucher
        .map(|voucher| voucher.issued_at)
        .ok_or_else(|| StoreError::Corrupt("a new code without a voucher".to_owned()))
}
