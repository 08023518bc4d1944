//! What a sale writes beside the payment row, and how it is taken back. Called inside the
//! transaction of `writer`; nothing here begins or commits, and a sale's rows are only gathered
//! here: the writer inserts them, with those of other changes.

use chrono::{DateTime, Utc};
use entities::{customers, invoices, sms_messages, vouchers};
use sea_orm::ActiveValue::Set;
use sea_orm::DatabaseTransaction;

use crate::domain::access::RadiusUser;
use crate::domain::catalog::money::CURRENCY;
use crate::domain::order::payment::Payment;
use crate::domain::order::sale::{Sale, Sms};
use crate::domain::sms_text;
use crate::store::StoreError;
use crate::store::engine::sql;
use crate::store::engine::writer::Rows;
use crate::store::radius::users::{provision, revoke_users};
use crate::store::rows::personal;

/// Customer, invoice, voucher, RADIUS user and SMS of a sale.
pub(in crate::store) fn gather(
    rows: &mut Rows,
    sale: &Sale,
    radius_user: Option<&RadiusUser>,
) -> Result<(), StoreError> {
    let radius_user = radius_user
        .ok_or_else(|| StoreError::Corrupt("a sale without a RADIUS user".to_owned()))?;
    add_customer(rows, sale);
    issue_invoice(rows, sale);
    issue_voucher(rows, &sale.payment)?;
    provision(rows, radius_user);
    queue_sms(rows, &sale.payment, &sale.sms, sale.invoice.issued_at);
    Ok(())
}

/// Takes an order's voucher back, if it has one.
pub(in crate::store) async fn revoke(
    txn: &DatabaseTransaction,
    payment: &Payment,
    why: &str,
) -> Result<(), StoreError> {
    let Some(voucher) = &payment.voucher else {
        return Ok(());
    };
    let at = voucher
        .revoked_at
        .ok_or_else(|| StoreError::Corrupt("a voucher that is revoked at no time".to_owned()))?;
    revoke_users(txn, voucher.code.as_str(), Some(payment.order_id), at, why).await
}

fn add_customer(rows: &mut Rows, sale: &Sale) {
    let payment = &sale.payment;
    let at = sale.invoice.issued_at;
    rows.add_customer(customers::Model {
        id: 0,
        phone: payment.phone.international().to_owned(),
        name: personal(payment.customer_name.as_ref()),
        orders_paid: 1,
        total_paid: payment.came_in().0,
        first_paid_at: at,
        last_paid_at: at,
    });
}

fn issue_invoice(rows: &mut Rows, sale: &Sale) {
    let payment = &sale.payment;
    rows.add(invoices::ActiveModel {
        number: Set(sale.invoice.number.clone()),
        payment_id: Set(payment.id),
        customer_phone: Set(payment.phone.international().to_owned()),
        customer_name: Set(personal(payment.customer_name.as_ref())),
        package_code: Set(payment.terms.code.clone()),
        description: Set(payment.terms.name(payment.language).to_owned()),
        // Not the price, which stays in the payment's row.
        amount: Set(payment.came_in().0),
        currency: Set(CURRENCY.to_owned()),
        issued_at: Set(sale.invoice.issued_at),
        ..Default::default()
    });
}

/// The invoice and the customer's sum after ZenoPay has named the amount of a sale.
pub(in crate::store) async fn correct_amount(
    txn: &DatabaseTransaction,
    before: &Payment,
    after: &Payment,
) -> Result<(), StoreError> {
    let more = after.came_in().0 - before.came_in().0;
    if more == 0 {
        return Ok(());
    }
    let invoice = "UPDATE invoices SET amount = $1 WHERE payment_id = $2";
    sql::execute(txn, invoice, [after.came_in().0.into(), after.id.into()]).await?;
    let customer = "UPDATE customers SET total_paid = total_paid + $1 WHERE phone = $2";
    let phone = after.phone.international();
    sql::execute(txn, customer, [more.into(), phone.into()]).await?;
    Ok(())
}

/// The row of an order's voucher.
pub(in crate::store) fn issue_voucher(
    rows: &mut Rows,
    payment: &Payment,
) -> Result<(), StoreError> {
    let Some(voucher) = &payment.voucher else {
        return Err(StoreError::Corrupt("a sale without a voucher".to_owned()));
    };
    rows.add(vouchers::ActiveModel {
        code: Set(voucher.code.as_str().to_owned()),
        payment_id: Set(Some(payment.id)),
        package_code: Set(payment.terms.code.clone()),
        duration_minutes: Set(payment.terms.duration_minutes),
        validity: Set(payment.terms.validity.as_str().to_owned()),
        data_limit_mb: Set(payment.terms.data_limit_mb),
        shared_devices: Set(payment.terms.shared_devices),
        issued_at: Set(voucher.issued_at),
        expires_at: Set(voucher.expires_at),
        ..Default::default()
    });
    Ok(())
}

/// A message to the guest, to be sent after the commit.
pub(in crate::store) fn queue_sms(
    rows: &mut Rows,
    payment: &Payment,
    sms: &Sms,
    at: DateTime<Utc>,
) {
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
        due_at: Set(at),
        created_at: Set(at),
        parts: Set(i32::try_from(sms_text::parts(&sms.text)).unwrap_or(i32::MAX)),
        ..Default::default()
    });
}
