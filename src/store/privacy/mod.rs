//! Forgetting a customer who asks for it (Tanzania's Personal Data Protection Act, 2022), with the
//! accounts kept: numbers, amounts and times of invoices stay, the person goes.
//!
//! # Invariants
//! One name that means nothing takes the place of the phone everywhere, so that rows that belong
//! together still do, and unique keys and references hold.

use chrono::{DateTime, Utc};
use entities::audit_events;
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait};
use uuid::Uuid;

use super::engine::sql;
use super::radius::users;
use super::{Store, StoreError};
use crate::domain::order::ids::OrderId;
use crate::domain::people::phone::Phone;
use crate::store::rows::MAY_STILL_BE_PAID;

mod mentions;

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Orders of this phone.
    pub orders: usize,
    /// Their vouchers, which no longer let a device in.
    pub vouchers: usize,
    /// Texts that were sent or waited.
    pub sms: u64,
}

/// What became of a wish to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// The person is gone; there may have been no order.
    Done(Erased),
    /// An order still waits for money or for an operator; nothing was written.
    StillOpen,
}

impl Store {
    /// Takes a phone, and the person who has it, out of the database. The subject of the audit line
    /// is the name in their place; `operator` wishes it, for `reason`.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn erase_customer(
        &self,
        phone: Phone,
        operator: String,
        reason: String,
    ) -> Result<Erasure, StoreError> {
        let person = self.person(&phone).await?;
        let mentions = self.mentions(&person).await?;
        let now = self.clock().now();
        let line = audit_events::ActiveModel {
            at: Set(now),
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
                    mentions::forget(txn, mentions).await?;
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
    let orders = "SELECT id, order_id, status FROM payments WHERE phone = $1";
    let orders: Vec<(i64, Uuid, String)> =
        sql::tuples(txn, orders, [nobody.as_str().into()]).await?;
    let is_open = |status: &str| matches!(status, "PENDING" | "HELD");
    if orders.iter().any(|(_, _, status)| is_open(status)) {
        return Ok(None);
    }

    forget_customer(txn, phone, &nobody).await?;
    let mut erased = Erased {
        orders: orders.len(),
        ..Erased::default()
    };
    for (id, order_id, _) in orders {
        erased.sms += forget_sms(txn, id, &nobody).await?;
        erased.vouchers += forget_vouchers(txn, id, OrderId(order_id), now).await?;
        forget_papers(txn, order_id, &nobody).await?;
    }
    // In one statement, because no index leads to a code. The router knows the session by its number.
    let disconnects = "UPDATE outbox_messages SET device_station = NULL, device_address = NULL, \
         last_error = NULL, result = NULL WHERE voucher_code IN (SELECT v.code FROM payments p \
         JOIN vouchers v ON v.payment_id = p.id OR v.former_payment_id = p.id WHERE p.phone = $1)";
    sql::execute(txn, disconnects, [nobody.as_str().into()]).await?;
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
    let phone = phone.international();
    // Late money may still complete these, and an actor that remembers the phone must not write
    // it again: it finds another version and reads the order anew.
    let raise = format!(
        "UPDATE payments SET version = version + 1 WHERE phone = $1 AND {MAY_STILL_BE_PAID}"
    );
    sql::execute(txn, &raise, [phone.into()]).await?;
    // Free texts may name the guest, and a client may have made its key of the phone or the name.
    let forget = "UPDATE payments SET phone = $1, customer_name = NULL, payer_msisdn = NULL, \
         gateway_word = NULL, operator_reason = NULL, device_mac = NULL, idempotency_key = NULL \
         WHERE phone = $2";
    sql::execute(txn, forget, [nobody.into(), phone.into()]).await?;
    Ok(())
}

/// Invoices name their customer by phone, so the row with the new name comes first and the old one
/// goes last.
async fn forget_customer(
    txn: &DatabaseTransaction,
    phone: &Phone,
    nobody: &str,
) -> Result<(), StoreError> {
    for forget in [
        "INSERT INTO customers (phone, orders_paid, total_paid, first_paid_at, last_paid_at) \
         SELECT $1, orders_paid, total_paid, first_paid_at, last_paid_at FROM customers \
         WHERE phone = $2",
        "UPDATE invoices SET customer_phone = $1, customer_name = NULL WHERE customer_phone = $2",
    ] {
        let values = [nobody.into(), phone.international().into()];
        sql::execute(txn, forget, values).await?;
    }
    let delete = "DELETE FROM customers WHERE phone = $1";
    sql::execute(txn, delete, [phone.international().into()]).await?;
    Ok(())
}

/// Texts to the guest, of which those that have not left yet stay here; how many.
async fn forget_sms(txn: &DatabaseTransaction, id: i64, nobody: &str) -> Result<u64, StoreError> {
    let forget = "UPDATE sms_messages SET phone = $1, body = '', receipt_detail = NULL, \
         provider_message_id = NULL, last_error = NULL, \
         state = CASE WHEN state IN ('queued', 'failed') THEN 'dead' ELSE state END \
         WHERE payment_id = $2";
    sql::execute(txn, forget, [nobody.into(), id.into()]).await
}

/// Closes the vouchers of an order, under all of their codes; how many were sold.
async fn forget_vouchers(
    txn: &DatabaseTransaction,
    id: i64,
    order_id: OrderId,
    now: DateTime<Utc>,
) -> Result<usize, StoreError> {
    let sold = "SELECT code, revoked_at, payment_id FROM vouchers \
         WHERE payment_id = $1 OR former_payment_id = $1";
    let sold: Vec<(String, Option<DateTime<Utc>>, Option<i64>)> =
        sql::tuples(txn, sold, [id.into()]).await?;
    for (code, revoked_at, payment_id) in &sold {
        if revoked_at.is_none() {
            let order_id = payment_id.map(|_| order_id);
            users::revoke_users(txn, code, order_id, now, "erased").await?;
        }
        forget_devices(txn, code).await?;
    }
    Ok(sold.iter().filter(|(_, _, id)| id.is_some()).count())
}

/// Devices that were on-line with a code: their addresses are a person's.
async fn forget_devices(txn: &DatabaseTransaction, code: &str) -> Result<(), StoreError> {
    // FreeRADIUS's own schemas differ in what they call nothing.
    let sessions = match txn.get_database_backend() {
        DbBackend::Postgres => {
            "UPDATE radacct SET callingstationid = NULL, framedipaddress = NULL \
             WHERE username = $1"
        }
        _ => "UPDATE radacct SET callingstationid = '', framedipaddress = '' WHERE username = $1",
    };
    for forget in [
        sessions,
        "DELETE FROM radpostauth WHERE username = $1",
        // An operator may have typed it.
        "UPDATE vouchers SET revoked_reason = 'erased' \
         WHERE code = $1 AND revoked_reason IS NOT NULL",
    ] {
        sql::execute(txn, forget, [code.into()]).await?;
    }
    Ok(())
}

/// What ZenoPay sent and what it was asked.
async fn forget_papers(
    txn: &DatabaseTransaction,
    order_id: Uuid,
    nobody: &str,
) -> Result<(), StoreError> {
    for forget in [
        "UPDATE gateway_calls SET detail = NULL WHERE order_id = $1",
        // What happened stays as its kind; a sentence may hold what ZenoPay or an operator wrote.
        "UPDATE order_events SET summary = 'erased' WHERE order_id = $1",
        "UPDATE audit_events SET detail = NULL WHERE order_id = $1",
    ] {
        sql::execute(txn, forget, [order_id.into()]).await?;
    }
    let name = || order_id.to_string().into();
    let bodies = "UPDATE webhook_deliveries SET body = $1 WHERE order_id = $2";
    sql::execute(txn, bodies, [Vec::<u8>::new().into(), name()]).await?;
    // A simulated webhook that has not come yet is found by a status check.
    let webhooks = "DELETE FROM sandbox_webhooks WHERE order_id = $1";
    sql::execute(txn, webhooks, [name()]).await?;
    let payments =
        "UPDATE sandbox_payments SET buyer_phone = $1, metadata = NULL WHERE order_id = $2";
    sql::execute(txn, payments, [nobody.into(), name()]).await?;
    Ok(())
}
