//! What is done for a guest who says: I have paid.
//!
//! The rule that must not be broken: whatever is found goes to the phone that paid, by SMS,
//! and never to whoever asked. A number is no secret, so it is no proof.

use chrono::{DateTime, TimeDelta, Utc};
use entities::{order_events, payments, sms_messages, vouchers};
use sea_orm::sea_query::{Expr, SelectStatement};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use super::events;
use crate::domain::order::decision::{Level, Remark};
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Status;
use crate::domain::people::phone::Phone;
use crate::store::outbox::messages;
use crate::store::{Store, StoreError, rows};

/// So often in [`AN_HOUR`] a phone is sent its SMS again, whoever asks.
const MOST: u64 = 3;
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
pub enum Remedy {
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
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn paid_already(&self, phone: &Phone) -> Result<Remedy, StoreError> {
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
            .filter(payments::Column::Status.eq(Status::Completed.as_str()))
            .order_by_desc(payments::Column::Id)
            .limit(SALES)
            .find_also_related(vouchers::Entity)
            .all(&self.inner.reader)
            .await?;
        let counts = |voucher: &vouchers::Model| {
            voucher.revoked_at.is_none() && voucher.expires_at.is_none_or(|at| at > now)
        };
        Ok(sales
            .into_iter()
            .find(|(_, voucher)| voucher.as_ref().is_some_and(counts))
            .map(|(payment, _)| payment))
    }

    async fn send_again(
        &self,
        sold: payments::Model,
        now: DateTime<Utc>,
    ) -> Result<Remedy, StoreError> {
        let order_id = OrderId(sold.order_id);
        let sms = sms_messages::Entity::find()
            .filter(sms_messages::Column::PaymentId.eq(sold.id))
            // The newest tells the code that counts.
            .order_by_desc(sms_messages::Column::Id)
            .one(&self.inner.reader)
            .await?;
        let Some(sms) = sms else {
            return Ok(Remedy::OnItsWay(order_id));
        };
        let repeated = self.transaction_if(move |txn| {
            Box::pin(async move { repeat(txn, order_id, &sold.phone, sms.id, now).await })
        });
        Ok(match repeated.await? {
            Some(()) => Remedy::Resent(order_id),
            None => Remedy::OnItsWay(order_id),
        })
    }

    /// Brings the next question to ZenoPay forward.
    async fn ask_about_newest(
        &self,
        phone: &Phone,
        now: DateTime<Utc>,
    ) -> Result<Remedy, StoreError> {
        let unpaid = payments::Entity::find()
            .filter(payments::Column::Phone.eq(phone.international()))
            .filter(payments::Column::CreatedAt.gt(now - UNPAID_WITHIN))
            .filter(rows::may_still_be_paid())
            .order_by_desc(payments::Column::Id)
            .one(&self.inner.reader)
            .await?;
        let Some(unpaid) = unpaid else {
            return Ok(Remedy::Nothing);
        };
        payments::Entity::update_many()
            .col_expr(payments::Column::DueAt, Expr::value(now))
            .filter(payments::Column::Id.eq(unpaid.id))
            .filter(payments::Column::Version.eq(unpaid.version))
            .filter(rows::may_still_be_paid())
            .exec(&self.inner.writer)
            .await?;
        Ok(Remedy::Asked(OrderId(unpaid.order_id)))
    }
}

/// Queues the SMS again; `None` if it is queued already or went out often enough.
async fn repeat(
    txn: &DatabaseTransaction,
    order_id: OrderId,
    phone: &str,
    sms: i64,
    now: DateTime<Utc>,
) -> Result<Option<()>, StoreError> {
    // First, because it takes the row lock: whoever asks at the same moment waits here, and then
    // finds the message in the queue. One that is queued goes out without our help.
    if !messages::requeue(txn, sms, &["sent", "dead"], now).await? {
        return Ok(None);
    }
    let repeated = order_events::Entity::find()
        .filter(order_events::Column::OrderId.in_subquery(orders_of(phone)))
        .filter(order_events::Column::Kind.eq(KIND))
        .filter(order_events::Column::At.gt(now - AN_HOUR))
        .count(txn)
        .await?;
    if repeated >= MOST {
        return Ok(None);
    }
    let text = "the guest asked for the SMS again".to_owned();
    let remark = Remark::new(Level::Note, KIND, text);
    events::insert(txn, order_id, &remark, now).await?;
    Ok(Some(()))
}

fn orders_of(phone: &str) -> SelectStatement {
    payments::Entity::find()
        .select_only()
        .column(payments::Column::OrderId)
        .filter(payments::Column::Phone.eq(phone))
        .into_query()
}
