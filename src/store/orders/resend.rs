//! What is done for a guest who says: I have paid.
//!
//! # Invariants
//! Whatever is found goes to the phone that paid, by SMS, and never to the caller: a number is no
//! secret, so it is no proof.

use chrono::{DateTime, TimeDelta, Utc};
use entities::{payments, vouchers};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::events;
use crate::domain::order::decision::{Level, Remark};
use crate::domain::order::ids::OrderId;
use crate::domain::people::phone::Phone;
use crate::store::engine::sql;
use crate::store::outbox::messages;
use crate::store::rows::MAY_STILL_BE_PAID;
use crate::store::{Store, StoreError};

/// So often in [`AN_HOUR`] a phone is sent its SMS again, for all requests together.
const MOST: i64 = 3;
/// For how long a repetition counts against [`MOST`].
const AN_HOUR: TimeDelta = TimeDelta::hours(1);
/// What the timeline calls a repetition.
const KIND: &str = "sms_asked_again";
/// Unpaid orders older than this are not asked about again.
const UNPAID_WITHIN: TimeDelta = TimeDelta::hours(24);
/// So many of the newest sales of a phone are looked at for a voucher that still counts.
const SALES: u64 = 5;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResendOutcome {
    /// The voucher's SMS goes out again.
    Resent(OrderId),
    /// It is about to go out, or went out often enough in this hour.
    OnItsWay(OrderId),
    /// There is no voucher, and ZenoPay is asked about the newest order now.
    Asked(OrderId),
    /// There is nothing that could help.
    Nothing,
}

impl Store {
    /// Helps a guest who says that this phone has paid.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn paid_already(&self, phone: &Phone) -> Result<ResendOutcome, StoreError> {
        let (store, phone) = (self.clone(), phone.clone());
        self.run(async move {
            let now = store.clock().now();
            match store.newest_sale(&phone, now).await? {
                Some(sold) => store.send_again(sold, now).await,
                None => store.ask_about_newest(&phone, now).await,
            }
        })
        .await
    }

    /// The newest sale of this phone whose voucher still counts.
    async fn newest_sale(
        &self,
        phone: &Phone,
        now: DateTime<Utc>,
    ) -> Result<Option<payments::Model>, StoreError> {
        let sales = payments::Entity::find()
            .filter(payments::Column::Phone.eq(phone.international()))
            .filter(payments::Column::Status.eq("COMPLETED"))
            .order_by_desc(payments::Column::Id)
            .limit(SALES)
            .find_also_related(vouchers::Entity)
            .all(&self.db())
            .await?;
        let counts = |voucher: &vouchers::Model| {
            voucher.revoked_at.is_none() && voucher.expires_at.is_none_or(|at| at > now)
        };
        let newest = (sales.into_iter()).find(|(_, voucher)| voucher.as_ref().is_some_and(counts));
        Ok(newest.map(|(payment, _)| payment))
    }

    async fn send_again(
        &self,
        sold: payments::Model,
        now: DateTime<Utc>,
    ) -> Result<ResendOutcome, StoreError> {
        let order_id = OrderId(sold.order_id);
        // The newest has the code that counts.
        let sms = "SELECT id FROM sms_messages WHERE payment_id = $1 ORDER BY id DESC LIMIT 1";
        let Some(sms) = sql::tuple(&self.db(), sms, [sold.id.into()]).await? else {
            return Ok(ResendOutcome::OnItsWay(order_id));
        };
        let repeated = self.transaction_if(move |txn| Box::pin(repeat(txn, sold, sms, now)));
        Ok(match repeated.await? {
            Some(()) => ResendOutcome::Resent(order_id),
            None => ResendOutcome::OnItsWay(order_id),
        })
    }

    /// Brings the next question to ZenoPay forward.
    async fn ask_about_newest(
        &self,
        phone: &Phone,
        now: DateTime<Utc>,
    ) -> Result<ResendOutcome, StoreError> {
        let unpaid = format!(
            "SELECT id, order_id, version FROM payments WHERE phone = $1 AND created_at > $2 \
             AND {MAY_STILL_BE_PAID} ORDER BY id DESC LIMIT 1"
        );
        let lately = [phone.international().into(), (now - UNPAID_WITHIN).into()];
        let found = sql::tuple(&self.db(), &unpaid, lately).await?;
        let Some((id, order_id, version)): Option<(i64, OrderId, i32)> = found else {
            return Ok(ResendOutcome::Nothing);
        };
        let ask = format!(
            "UPDATE payments SET due_at = $1 WHERE id = $2 AND version = $3 AND {MAY_STILL_BE_PAID}"
        );
        self.execute(ask, [now.into(), id.into(), version.into()])
            .await?;
        Ok(ResendOutcome::Asked(order_id))
    }
}

/// Queues the SMS again; `None` if it is queued already or went out often enough.
async fn repeat(
    txn: &DatabaseTransaction,
    sold: payments::Model,
    sms: i64,
    now: DateTime<Utc>,
) -> Result<Option<()>, StoreError> {
    // First, because it takes the row lock: a second request at the same moment waits here, and then
    // finds the message in the queue. One that is queued goes out without our help.
    if !messages::requeue(txn, sms, &["sent", "dead"], now).await? {
        return Ok(None);
    }
    let repeated = "SELECT COUNT(*) FROM order_events WHERE kind = 'sms_asked_again' AND at > $1 \
         AND order_id IN (SELECT order_id FROM payments WHERE phone = $2)";
    let values = [(now - AN_HOUR).into(), sold.phone.into()];
    let repeated: Option<i64> = sql::tuple(txn, repeated, values).await?;
    if repeated.is_some_and(|times| times >= MOST) {
        return Ok(None);
    }
    let text = "the guest asked for the SMS again".to_owned();
    let remark = Remark::new(Level::Note, KIND, text);
    events::insert(txn, OrderId(sold.order_id), &remark, now).await?;
    Ok(Some(()))
}
