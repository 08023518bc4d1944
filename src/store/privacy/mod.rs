//! Forgetting a customer who asks for it (Tanzania's Personal Data Protection Act, 2022), with the
//! books kept: numbers, amounts and times of invoices stay, the person goes.
//!
//! The rule that must not be broken: one name that means nothing stands wherever the phone stood,
//! so that what belongs together still does, and unique keys and references hold.

use chrono::{DateTime, Utc};
use entities::{audit_events, customers, invoices, payments, vouchers};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, IntoActiveModel,
    QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::radius::users;
use super::{Store, StoreError, rows};
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Status;
use crate::domain::people::phone::Phone;

mod mentions;
mod traces;

/// Orders handled in one statement.
const BATCH: usize = 500;

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Orders of this phone.
    pub orders: usize,
    /// Their vouchers, which let nobody in any more.
    pub vouchers: usize,
    /// Texts that were sent or waited.
    pub sms: u64,
}

/// What became of a wish to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// The person is gone; with no orders there was nobody.
    Done(Erased),
    /// An order still waits for money or for an operator; nothing was written.
    StillOpen,
}

impl Store {
    /// Takes a phone, and who has it, out of the books. The subject of the audit line is the
    /// name that stands in their place; `operator` wishes it, for `reason`.
    ///
    /// # Errors
    /// The [`StoreError`]; then nothing was written, unless it says that it does not know.
    pub async fn erase_customer(
        &self,
        phone: Phone,
        operator: String,
        reason: String,
    ) -> Result<Erasure, StoreError> {
        let person = self.person(&phone).await?;
        let mentions = self.mentions(&person).await?;
        let line = audit_events::ActiveModel {
            operator: Set(operator),
            action: Set("erase_customer".to_owned()),
            order_id: Set(None),
            detail: Set(Some(reason)),
            ..Default::default()
        };
        let now = self.clock().now();
        let erased = self.transaction_if(move |txn| {
            Box::pin(async move {
                let erased = erase(txn, &phone, line, now).await?;
                if erased.is_some() {
                    mentions::forget(txn, &person, mentions).await?;
                }
                Ok(erased)
            })
        });
        Ok(erased.await?.map_or(Erasure::StillOpen, Erasure::Done))
    }
}

/// Erases what the tables of orders have; `None` if an order is open.
async fn erase(
    txn: &DatabaseTransaction,
    phone: &Phone,
    mut line: audit_events::ActiveModel,
    now: DateTime<Utc>,
) -> Result<Option<Erased>, StoreError> {
    let nobody = format!("erased-{}", Uuid::new_v4().simple());
    // First, because it takes the row locks: what is being sold is finished before or after.
    forget_in_payments(txn, phone, &nobody).await?;
    let orders: Vec<(i64, Uuid, String)> = payments::Entity::find()
        .select_only()
        .columns([
            payments::Column::Id,
            payments::Column::OrderId,
            payments::Column::Status,
        ])
        .filter(payments::Column::Phone.eq(nobody.as_str()))
        .into_tuple()
        .all(txn)
        .await?;
    let is_open = |status: &str| {
        [Status::Pending, Status::Held]
            .iter()
            .any(|it| it.as_str() == status)
    };
    if orders.iter().any(|(_, _, status)| is_open(status)) {
        return Ok(None);
    }

    forget_customer(txn, phone, &nobody).await?;
    let mut erased = Erased {
        orders: orders.len(),
        ..Erased::default()
    };
    for batch in orders.chunks(BATCH) {
        erased.sms += traces::forget_sms(txn, batch, &nobody).await?;
        erased.vouchers += forget_vouchers(txn, batch, now).await?;
        traces::forget_papers(txn, batch, &nobody).await?;
    }
    line.at = Set(now);
    line.subject = Set(nobody);
    audit_events::Entity::insert(line)
        .exec_without_returning(txn)
        .await?;
    Ok(Some(erased))
}

async fn forget_in_payments(
    txn: &DatabaseTransaction,
    phone: &Phone,
    nobody: &str,
) -> Result<(), StoreError> {
    let of_phone = payments::Column::Phone.eq(phone.international());
    // Late money may still complete these, and an actor that remembers the phone must not write
    // it again: it finds another version and looks.
    payments::Entity::update_many()
        .col_expr(
            payments::Column::Version,
            Expr::col(payments::Column::Version).add(1),
        )
        .filter(of_phone.clone())
        .filter(rows::may_still_be_paid())
        .exec(txn)
        .await?;
    payments::Entity::update_many()
        .col_expr(payments::Column::Phone, Expr::value(nobody))
        .col_expr(
            payments::Column::CustomerName,
            Expr::value(Option::<String>::None),
        )
        .col_expr(
            payments::Column::PayerMsisdn,
            Expr::value(Option::<String>::None),
        )
        // Free texts, which may name the guest.
        .col_expr(
            payments::Column::GatewayWord,
            Expr::value(Option::<String>::None),
        )
        .col_expr(
            payments::Column::OperatorReason,
            Expr::value(Option::<String>::None),
        )
        .col_expr(
            payments::Column::DeviceMac,
            Expr::value(Option::<String>::None),
        )
        // A client may have made it of the phone or the name.
        .col_expr(
            payments::Column::IdempotencyKey,
            Expr::value(Option::<String>::None),
        )
        .filter(of_phone)
        .exec(txn)
        .await?;
    Ok(())
}

/// Invoices name their customer by phone, so the row with the new name comes first and the old one
/// goes last.
async fn forget_customer(
    txn: &DatabaseTransaction,
    phone: &Phone,
    nobody: &str,
) -> Result<(), StoreError> {
    let known = customers::Entity::find()
        .filter(customers::Column::Phone.eq(phone.international()))
        .one(txn)
        .await?;
    let Some(known) = known else { return Ok(()) };
    let id = known.id;
    let mut renamed = known.into_active_model().reset_all();
    renamed.id = NotSet;
    renamed.phone = Set(nobody.to_owned());
    renamed.name = Set(None);
    customers::Entity::insert(renamed)
        .exec_without_returning(txn)
        .await?;
    invoices::Entity::update_many()
        .col_expr(invoices::Column::CustomerPhone, Expr::value(nobody))
        .col_expr(
            invoices::Column::CustomerName,
            Expr::value(Option::<String>::None),
        )
        .filter(invoices::Column::CustomerPhone.eq(phone.international()))
        .exec(txn)
        .await?;
    customers::Entity::delete_by_id(id).exec(txn).await?;
    Ok(())
}

type Order = (i64, Uuid, String);

/// Nobody is let in by them any more.
async fn forget_vouchers(
    txn: &DatabaseTransaction,
    orders: &[Order],
    now: DateTime<Utc>,
) -> Result<usize, StoreError> {
    let ids = || orders.iter().map(|(id, _, _)| *id);
    // Under all of their codes.
    let of_orders = Condition::any()
        .add(vouchers::Column::PaymentId.is_in(ids()))
        .add(vouchers::Column::FormerPaymentId.is_in(ids()));
    let sold = vouchers::Entity::find().filter(of_orders).all(txn).await?;
    for voucher in sold.iter().filter(|voucher| voucher.revoked_at.is_none()) {
        let order = orders
            .iter()
            .find(|(id, _, _)| Some(*id) == voucher.payment_id);
        let order_id = order.map(|(_, order_id, _)| OrderId(*order_id));
        users::shut_out(txn, &voucher.code, order_id, now, "erased").await?;
    }
    traces::forget_devices(txn, &sold).await?;
    Ok(sold.iter().filter(|it| it.payment_id.is_some()).count())
}
