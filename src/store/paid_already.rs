//! What is done for a guest who says: I have paid.
//!
//! The rule that must not be broken: whatever is found goes to the phone that paid, by SMS,
//! and never to whoever asked. A number is no secret, so it is no proof.

use chrono::{DateTime, TimeDelta, Utc};
use entities::{payments, sms_messages, vouchers};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::{Store, StoreError, events, outbox, roll_back, rows};
use crate::domain::decision::{Level, Remark};
use crate::domain::ids::OrderId;
use crate::domain::payment::Status;
use crate::domain::phone::Phone;

/// The same SMS goes out again at most this often, whoever asks.
const PAUSE: TimeDelta = TimeDelta::minutes(10);
/// Unpaid orders older than this are not asked about again.
const UNPAID_WITHIN: TimeDelta = TimeDelta::hours(24);
/// So many of the newest sales of a phone are looked at for a voucher that still counts.
const SALES: u64 = 5;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The voucher's SMS goes out again.
    Resent(OrderId),
    /// It went out a short while ago, or is about to.
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
        let Some(sms) = sms.filter(|sms| has_rested(sms, now)) else {
            return Ok(Remedy::OnItsWay(order_id));
        };
        let txn = self.begin().await?;
        if let Err(error) = write(&txn, order_id, sms.id, now).await {
            roll_back(txn).await;
            return Err(error);
        }
        txn.commit().await.map_err(StoreError::CommitUnknown)?;
        Ok(Remedy::Resent(order_id))
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

async fn write(
    txn: &DatabaseTransaction,
    order_id: OrderId,
    sms: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    outbox::requeue(txn, sms, now).await?;
    let remark = Remark {
        level: Level::Note,
        kind: "sms_asked_again",
        text: "the guest asked for the SMS again".to_owned(),
    };
    Ok(events::insert(txn, order_id, &remark, now).await?)
}

/// Whether the message is done with, and has been for a while.
fn has_rested(sms: &sms_messages::Model, now: DateTime<Utc>) -> bool {
    let since = match sms.state.as_str() {
        "sent" => sms.sent_at,
        "dead" => Some(sms.due_at),
        // Queued or to be tried again: it goes out without our help.
        _ => None,
    };
    since.is_some_and(|at| at + PAUSE <= now)
}
