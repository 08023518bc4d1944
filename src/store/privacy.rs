//! Erases a customer who asks for it (Tanzania's Personal Data Protection Act, 2022). What
//! bookkeeping needs stays: the numbers, amounts and times of invoices.
//!
//! Rows of the customer's own orders are found by their keys. The person may also be named elsewhere
//! (`mentions.rs`).
//!
//! # Invariants
//! One alias takes the place of the phone everywhere, so that rows that belong together still do, and
//! unique keys and references hold.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use uuid::Uuid;

use super::engine::sql;
use super::error::Result;
use super::operators::audit_log;
use super::radius::users;
use super::rows::MAY_STILL_BE_PAID;
use super::{AuditEntry, Store};
use crate::domain::order::{OrderId, Status};
use crate::domain::people::{Person, Phone};

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Orders of this phone.
    pub orders: usize,
    /// Their vouchers, which no longer give access.
    pub vouchers: usize,
    /// SMS that were sent or queued.
    pub sms: u64,
    /// Rows of others that named the person.
    pub mentions: u64,
    /// Rows of others that have the person's name and keep it: it is so common that it is not searched for.
    pub common_names: u64,
}

/// The result of an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// The person is erased; there may have been no order.
    Done(Erased),
    /// An order is PENDING or HELD; nothing was written.
    StillOpen,
}

impl Store {
    /// Erases a phone, and the person who has it. The subject of the audit line is the alias, and its detail
    /// counts the rows of others. `archived` are the bodies of others in the archive that have only the name.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn erase_customer(
        &self,
        phone: Phone,
        operator: String,
        reason: String,
        archived: u64,
    ) -> Result<Erasure> {
        let person = self.person(&phone).await?;
        let own = self.orders_of_phone(&phone).await?.into_iter().collect();
        let mentions = self.mentions(&person, &own, archived).await?;
        let (others, common_names) = (mentions.of_others(), mentions.common_names);
        let mut detail = reason;
        for (table, rows) in &others {
            detail += &format!("; {rows} rows of others in {table}");
        }
        if common_names > 0 {
            detail += &format!("; the name stays in {common_names} rows of others");
        }
        let audit = AuditEntry {
            operator,
            action: "erase_customer",
            order_id: None,
            subject: format!("erased-{}", Uuid::new_v4().simple()),
            detail: Some(detail),
        };
        let now = self.clock().now();
        let erased = self.transaction_if(move |txn| {
            Box::pin(async move {
                let erased = erase(txn, &phone, &audit.subject, now).await?;
                let Some(erased) = erased else {
                    return Ok(None);
                };
                audit_log::insert(txn, &audit, now).await?;
                mentions.erase(txn).await?;
                Ok(Some(Erased {
                    mentions: others.values().sum(),
                    common_names,
                    ..erased
                }))
            })
        });
        Ok(erased.await?.map_or(Erasure::StillOpen, Erasure::Done))
    }

    /// The phone, with the names that its orders were made with.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn person(&self, phone: &Phone) -> Result<Person> {
        let names = "SELECT DISTINCT customer_name FROM payments \
             WHERE phone = $1 AND customer_name IS NOT NULL";
        let names: Vec<String> =
            sql::tuples(&self.db(), names, [phone.international().into()]).await?;
        Ok(Person::new(phone, names.iter().map(String::as_str)))
    }
}

/// Erases the rows of the customer's orders; `None` if an order is open.
async fn erase(
    txn: &DatabaseTransaction,
    phone: &Phone,
    alias: &str,
    now: DateTime<Utc>,
) -> Result<Option<Erased>> {
    let phone = phone.international();
    // First, because it takes the row locks. Late money may still complete an unsold order; its
    // version is raised, so that an actor with the phone in memory cannot write it again. Free
    // texts may name the guest, and a client may have made its key of the phone or the name.
    let payments = format!(
        "UPDATE payments SET phone = $1, customer_name = NULL, payer_msisdn = NULL, gateway_word = NULL, \
         operator_reason = NULL, device_mac = NULL, client_hash = NULL, idempotency_key = NULL, \
         version = CASE WHEN {MAY_STILL_BE_PAID} THEN version + 1 ELSE version END WHERE phone = $2"
    );
    sql::execute(txn, &payments, [alias.into(), phone.into()]).await?;
    let orders = "SELECT order_id, status FROM payments WHERE phone = $1";
    let orders: Vec<(OrderId, Status)> = sql::tuples(txn, orders, [alias.into()]).await?;
    if (orders.iter()).any(|(_, status)| matches!(status, Status::Pending | Status::Held)) {
        return Ok(None);
    }

    erase_customer(txn, phone, alias).await?;
    // A message that was not sent yet never will be.
    let sms = "UPDATE sms_messages SET phone = $1, body = '', receipt_detail = NULL, \
         provider_message_id = NULL, last_error = NULL, \
         state = CASE WHEN state IN ('queued', 'failed') THEN 'dead' ELSE state END \
         WHERE payment_id IN (SELECT id FROM payments WHERE phone = $1)";
    let sms = sql::execute(txn, sms, [alias.into()]).await?;
    let vouchers = erase_vouchers(txn, alias, now).await?;
    for (order_id, _) in &orders {
        erase_records(txn, *order_id, alias).await?;
    }
    Ok(Some(Erased {
        orders: orders.len(),
        vouchers,
        sms,
        ..Erased::default()
    }))
}

/// Invoices name their customer by phone, so the row with the alias is inserted first and the old one
/// is deleted last.
async fn erase_customer(txn: &DatabaseTransaction, phone: &str, alias: &str) -> Result<()> {
    for erase in [
        "INSERT INTO customers (phone, orders_paid, total_paid, first_paid_at, last_paid_at) \
         SELECT $1, orders_paid, total_paid, first_paid_at, last_paid_at FROM customers \
         WHERE phone = $2",
        "UPDATE invoices SET customer_phone = $1, customer_name = NULL WHERE customer_phone = $2",
    ] {
        sql::execute(txn, erase, [alias.into(), phone.into()]).await?;
    }
    let delete = "DELETE FROM customers WHERE phone = $1";
    sql::execute(txn, delete, [phone.into()]).await.map(drop)
}

/// Revokes the vouchers of the customer's orders, under all of their codes, and erases the devices that
/// were online with them: their addresses are personal data. Returns how many were sold.
async fn erase_vouchers(
    txn: &DatabaseTransaction,
    alias: &str,
    now: DateTime<Utc>,
) -> Result<usize> {
    let of_customer = "FROM payments p JOIN vouchers v \
         ON v.payment_id = p.id OR v.former_payment_id = p.id WHERE p.phone = $1";
    let codes = format!(
        "SELECT v.code, p.order_id, v.revoked_at IS NULL, v.payment_id IS NOT NULL {of_customer}"
    );
    let codes: Vec<(String, OrderId, bool, bool)> =
        sql::tuples(txn, &codes, [alias.into()]).await?;
    // FreeRADIUS's own schemas differ in how they write an unknown address.
    let unknown = match txn.get_database_backend() {
        DbBackend::Postgres => "NULL",
        _ => "''",
    };
    let sessions = format!(
        "UPDATE radacct SET callingstationid = {unknown}, framedipaddress = {unknown} \
         WHERE username = $1"
    );
    for (code, order_id, is_valid, _) in &codes {
        if *is_valid {
            users::revoke_code(txn, code, Some(*order_id), now, "erased").await?;
        }
        for erase in [
            sessions.as_str(),
            "DELETE FROM radpostauth WHERE username = $1",
            // An operator may have typed it.
            "UPDATE vouchers SET revoked_reason = 'erased' \
             WHERE code = $1 AND revoked_reason IS NOT NULL",
        ] {
            sql::execute(txn, erase, [code.as_str().into()]).await?;
        }
    }
    // One statement for all codes, because `voucher_code` has no index. A request that is still
    // queued works without the device's addresses: it has the session's id.
    let disconnects = format!(
        "UPDATE outbox_messages SET device_station = NULL, device_address = NULL, \
         last_error = NULL, result = NULL WHERE voucher_code IN (SELECT v.code {of_customer})"
    );
    sql::execute(txn, &disconnects, [alias.into()]).await?;
    Ok(codes.iter().filter(|(.., is_sold)| *is_sold).count())
}

/// Erases what ZenoPay sent, what it was asked, and what operators wrote.
async fn erase_records(txn: &DatabaseTransaction, order_id: OrderId, alias: &str) -> Result<()> {
    for erase in [
        "UPDATE gateway_calls SET detail = NULL WHERE order_id = $1",
        // The kind stays; a sentence may hold what ZenoPay or an operator wrote.
        "UPDATE order_events SET summary = 'erased' WHERE order_id = $1",
        "UPDATE audit_events SET detail = NULL WHERE order_id = $1",
    ] {
        sql::execute(txn, erase, [order_id.0.into()]).await?;
    }
    let name = || order_id.to_string().into();
    let bodies = "UPDATE webhook_deliveries SET body = $1 WHERE order_id = $2";
    sql::execute(txn, bodies, [Vec::<u8>::new().into(), name()]).await?;
    // A status check takes the place of a simulated webhook that is deleted before it was sent.
    let webhooks = "DELETE FROM sandbox_webhooks WHERE order_id = $1";
    sql::execute(txn, webhooks, [name()]).await?;
    let payments =
        "UPDATE sandbox_payments SET buyer_phone = $1, metadata = NULL WHERE order_id = $2";
    sql::execute(txn, payments, [alias.into(), name()])
        .await
        .map(drop)
}
