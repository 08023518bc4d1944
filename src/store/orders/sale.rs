//! What a sale, or a new code for it, writes beside the row of its payment, and how it is revoked.
//! The statements run in the writer's transaction, which they neither begin nor commit. New rows are
//! only gathered: the writer inserts them with those of other changes.
//!
//! # Invariants
//! A payment has one voucher. When its code is replaced, the payment moves from the row of the old code
//! to a new row, because `payment_id` is unique. The old row stays, with `former_payment_id`.

use chrono::{DateTime, Utc};
use entities::{customers, invoices, sms_messages, vouchers};
use sea_orm::ActiveValue::Set;
use sea_orm::DatabaseTransaction;

use crate::domain::access::RadiusUser;
use crate::domain::catalog::CURRENCY;
use crate::domain::order::evidence::REISSUES_PER_DAY;
use crate::domain::order::{Payment, ReissueCount, ReissuedVoucher, Sale, Sms};
use crate::domain::sms_text;
use crate::store::catalog::vouchers as voucher_rows;
use crate::store::engine::sql;
use crate::store::engine::writer::Rows;
use crate::store::error::Result;
use crate::store::orders::future::AHEAD;
use crate::store::radius::users::{provision, revoke_code};
use crate::store::rows::personal;
use crate::store::{Store, StoreError};

impl Store {
    /// How often the code of this payment was replaced, in all and since `since`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn reissue_count(
        &self,
        payment_id: i64,
        since: DateTime<Utc>,
    ) -> Result<ReissueCount> {
        let times = "SELECT revoked_at FROM vouchers WHERE former_payment_id = $1";
        let times: Vec<Option<DateTime<Utc>>> =
            sql::tuples(&self.db(), times, [payment_id.into()]).await?;
        let count = |times: usize| u32::try_from(times).unwrap_or(u32::MAX);
        let until = self.clock().now() + AHEAD;
        let mut recent: Vec<_> = times
            .iter()
            .flatten()
            .filter(|at| **at > since && **at <= until)
            .collect();
        recent.sort_unstable_by(|one, other| other.cmp(one));
        Ok(ReissueCount {
            total: count(times.len()),
            last_day: count(recent.len()),
            full_at: recent.get(REISSUES_PER_DAY as usize - 1).map(|at| **at),
        })
    }
}

/// Customer, invoice and access of a sale.
pub fn gather(rows: &mut Rows, sale: &Sale, radius_user: Option<&RadiusUser>) -> Result<()> {
    let payment = &sale.payment;
    let at = sale.invoice.issued_at;
    let (phone, name) = (payment.phone.international(), &payment.customer_name);
    rows.add_customer(customers::Model {
        id: 0,
        phone: phone.to_owned(),
        name: personal(name.as_ref()),
        orders_paid: 1,
        total_paid: payment.amount_received().0,
        first_paid_at: at,
        last_paid_at: at,
    });
    rows.add(invoices::ActiveModel {
        number: Set(sale.invoice.number.clone()),
        payment_id: Set(payment.id),
        customer_phone: Set(phone.to_owned()),
        customer_name: Set(personal(name.as_ref())),
        package_code: Set(payment.terms.code.clone()),
        description: Set(payment.terms.name(payment.language).to_owned()),
        // The amount that was paid. The price is in the payment's row.
        amount: Set(payment.amount_received().0),
        currency: Set(CURRENCY.to_owned()),
        issued_at: Set(at),
        ..Default::default()
    });
    gather_access(rows, payment, radius_user, &sale.sms)
}

/// Voucher, RADIUS user and SMS, of a sale or of a new code.
pub fn gather_access(
    rows: &mut Rows,
    payment: &Payment,
    radius_user: Option<&RadiusUser>,
    sms: &Sms,
) -> Result<()> {
    let (Some(voucher), Some(radius_user)) = (&payment.voucher, radius_user) else {
        let missing = "a sale without a voucher or a RADIUS user";
        return Err(StoreError::Corrupt(missing.to_owned()));
    };
    rows.add(vouchers::ActiveModel {
        payment_id: Set(Some(payment.id)),
        expires_at: Set(voucher.expires_at),
        ..voucher_rows::row(&voucher.code, &payment.terms, voucher.issued_at)
    });
    provision(rows, radius_user);
    rows.add(sms_messages::ActiveModel {
        payment_id: Set(payment.id),
        kind: Set(sms.kind.clone()),
        phone: Set(payment.phone.international().to_owned()),
        language: Set(payment.language.tag().to_owned()),
        body: Set(sms.text.clone()),
        // The same at every attempt, so that a copy can be recognised.
        reference: Set(format!("{}-{}", payment.id, sms.kind)),
        state: Set("queued".to_owned()),
        attempts: Set(0),
        due_at: Set(voucher.issued_at),
        created_at: Set(voucher.issued_at),
        parts: Set(i32::try_from(sms_text::parts(&sms.text)).unwrap_or(i32::MAX)),
        ..Default::default()
    });
    Ok(())
}

/// Revokes an order's voucher, if it has one.
pub async fn revoke(txn: &DatabaseTransaction, payment: Payment, why: &str) -> Result<()> {
    let Some(voucher) = payment.voucher else {
        return Ok(());
    };
    let at = voucher
        .revoked_at
        .ok_or_else(|| StoreError::Corrupt("a revoked voucher without a time".to_owned()))?;
    revoke_code(txn, voucher.code.as_str(), Some(payment.order_id), at, why).await
}

/// Closes the old code of a payment whose new code is in the same change.
pub async fn close_old_code(txn: &DatabaseTransaction, replacement: ReissuedVoucher) -> Result<()> {
    let (payment, old) = (&replacement.payment, replacement.old.as_str());
    let Some(new) = &payment.voucher else {
        return Err(StoreError::Corrupt(
            "a new code without a voucher".to_owned(),
        ));
    };
    let give_up = "UPDATE vouchers SET payment_id = NULL, former_payment_id = $1 \
         WHERE code = $2 AND payment_id = $1";
    if sql::execute(txn, give_up, [payment.id.into(), old.into()]).await? != 1 {
        return Err(StoreError::Conflict);
    }
    revoke_code(txn, old, Some(payment.order_id), new.issued_at, "replaced").await?;
    // An SMS that was not sent yet must not contain the closed code.
    let correct = "UPDATE sms_messages SET body = $1 \
         WHERE payment_id = $2 AND state IN ('queued', 'failed')";
    let text = replacement.sms.text.as_str();
    sql::execute(txn, correct, [text.into(), payment.id.into()]).await?;
    Ok(())
}

/// Corrects the invoice and the customer's sum after ZenoPay has named the amount of a sale.
pub async fn correct_amount(
    txn: &DatabaseTransaction,
    before: Payment,
    after: Payment,
) -> Result<()> {
    let more = after.amount_received().0 - before.amount_received().0;
    let invoice = "UPDATE invoices SET amount = $1 WHERE payment_id = $2";
    sql::execute(
        txn,
        invoice,
        [after.amount_received().0.into(), after.id.into()],
    )
    .await?;
    let customer = "UPDATE customers SET total_paid = total_paid + $1 WHERE phone = $2";
    let phone = after.phone.international();
    sql::execute(txn, customer, [more.into(), phone.into()]).await?;
    Ok(())
}
