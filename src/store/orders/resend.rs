//! Help for a guest who says "I have paid".
//!
//! # Invariants
//! Whatever is found goes to the phone that paid, by SMS, and never to the caller: a phone number is no
//! secret, so it proves nothing. The caller's answer does not wait for what is written, which only a phone
//! that has bought causes.

use chrono::{DateTime, TimeDelta, Utc};
use entities::payments;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::future::AHEAD;
use crate::domain::order::{Level, Payment, Remark};
use crate::domain::people::Phone;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::outbox::sms;
use crate::store::rows::{self, MAY_STILL_BE_PAID};
use crate::store::{Store, journal};

/// At most this many SMS are sent again to one phone in [`REPEATS_WITHIN`], however many requests ask for
/// it.
const REPEATS_MAX: i64 = 3;
/// The period to which [`REPEATS_MAX`] applies.
const REPEATS_WITHIN: TimeDelta = TimeDelta::hours(1);
/// The kind of a repetition in the timeline.
const KIND: &str = "sms_asked_again";
/// An older unpaid order is not checked again.
const UNPAID_WITHIN: TimeDelta = TimeDelta::hours(24);
/// How many of the newest sales of a phone are searched for a voucher that is still valid.
const NEWEST_SALES_MAX: u64 = 5;

/// What can be done for a guest.
pub struct Help {
    /// The newest sale whose voucher is still valid.
    sold: Option<Payment>,
    /// Number and version of the newest order that may still be paid.
    unpaid: Option<(i64, i32)>,
}

impl Store {
    /// What can be done for a guest who says that this phone has paid. Costs the same two queries for every
    /// phone, so that the time of an answer does not tell whether it has paid.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn help_for(&self, phone: &Phone) -> Result<Help> {
        let now = self.clock().now();
        Ok(Help {
            sold: self.newest_sale(phone, now).await?,
            unpaid: self.newest_unpaid(phone, now).await?,
        })
    }

    /// Helps. If the phone has a valid voucher, sends the SMS of the newest one again, unless it is queued
    /// already or was repeated too often in the last hour. Without a valid voucher, makes the newest unpaid
    /// order due for a status check now.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn help(&self, help: Help) -> Result<()> {
        let now = self.clock().now();
        match (help.sold, help.unpaid) {
            (Some(sold), _) => self.send_again(sold, now).await,
            (None, Some(unpaid)) => self.check_unpaid(unpaid, now).await,
            (None, None) => Ok(()),
        }
    }

    /// The newest sale of this phone whose voucher is still valid.
    async fn newest_sale(&self, phone: &Phone, now: DateTime<Utc>) -> Result<Option<Payment>> {
        let sales = payments::Entity::find()
            .filter(payments::Column::Phone.eq(phone.international()))
            .filter(payments::Column::Status.eq("COMPLETED"))
            .order_by_desc(payments::Column::Id)
            .limit(NEWEST_SALES_MAX);
        let is_valid = |sold: &Payment| {
            sold.voucher.as_ref().is_some_and(|voucher| {
                voucher.revoked_at.is_none() && voucher.expires_at.is_none_or(|at| at > now)
            })
        };
        let sales = rows::orders(&self.db(), sales).await?;
        Ok(sales.into_iter().find(is_valid))
    }

    async fn send_again(&self, sold: Payment, now: DateTime<Utc>) -> Result<()> {
        // The newest SMS has the code that is valid.
        let sms = "SELECT id FROM sms_messages WHERE payment_id = $1 ORDER BY id DESC LIMIT 1";
        let Some(sms) = sql::tuple(&self.db(), sms, [sold.id.into()]).await? else {
            return Ok(());
        };
        let repeated = self.transaction_if(move |txn| Box::pin(repeat(txn, sold, sms, now)));
        repeated.await.map(drop)
    }

    /// Number and version of the newest order of this phone that may still be paid.
    async fn newest_unpaid(&self, phone: &Phone, now: DateTime<Utc>) -> Result<Option<(i64, i32)>> {
        let unpaid = format!(
            "SELECT id, version FROM payments WHERE phone = $1 AND created_at > $2 \
             AND {MAY_STILL_BE_PAID} ORDER BY id DESC LIMIT 1"
        );
        let lately = [phone.international().into(), (now - UNPAID_WITHIN).into()];
        sql::tuple(&self.db(), &unpaid, lately).await
    }

    async fn check_unpaid(&self, (id, version): (i64, i32), now: DateTime<Utc>) -> Result<()> {
        let check = format!(
            "UPDATE payments SET due_at = $1 WHERE id = $2 AND version = $3 AND {MAY_STILL_BE_PAID}"
        );
        let values = [now.into(), id.into(), version.into()];
        self.execute(check, values).await.map(drop)
    }
}

/// Queues the SMS again; `None` if it is queued already or was sent often enough.
async fn repeat(
    txn: &DatabaseTransaction,
    sold: Payment,
    sms: i64,
    now: DateTime<Utc>,
) -> Result<Option<()>> {
    // First, because it takes the row lock: a second request at the same moment waits here, and then
    // finds the message in the queue. A message that is queued is sent anyway.
    if !sms::requeue(txn, sms, &["sent", "dead"], now).await? {
        return Ok(None);
    }
    let repeated = "SELECT COUNT(*) FROM order_events WHERE kind = 'sms_asked_again' AND at > $1 \
         AND at <= $2 AND order_id IN (SELECT order_id FROM payments WHERE phone = $3)";
    let values = [
        (now - REPEATS_WITHIN).into(),
        (now + AHEAD).into(),
        sold.phone.international().into(),
    ];
    let repeated: Option<i64> = sql::tuple(txn, repeated, values).await?;
    if repeated.is_some_and(|times| times >= REPEATS_MAX) {
        return Ok(None);
    }
    let remark = Remark::new(Level::Note, KIND, "the guest asked for the SMS again");
    journal::insert_remark(txn, sold.order_id, &remark, now).await?;
    Ok(Some(()))
}
