//! Rows and columns as types of the domain, and back. A value that we never write is an error.

use chrono::TimeDelta;
use entities::{packages, payments, vouchers};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColIdx, ConnectionTrait, DbErr, QueryResult, Select, TryGetError, TryGetable};
use uuid::Uuid;

use super::StoreError;
use super::error::Result;
use crate::domain::access::{Allowance, DeviceMac, OwnerToken, Voucher, VoucherCode};
use crate::domain::catalog::{Package, Terms, Tzs, Validity};
use crate::domain::order::{FailureReason, GatewayFacts, OrderId, Payment, Status};
use crate::domain::people::{Language, Personal, Phone, Secret};

pub(super) fn payment(row: payments::Model, voucher: Option<vouchers::Model>) -> Result<Payment> {
    Ok(Payment {
        id: row.id,
        order_id: OrderId(row.order_id),
        status: status(&row.status)?,
        version: row.version,
        phone: Phone::from_stored(row.phone),
        customer_name: row.customer_name.map(Personal::new),
        device: row.device_mac.map(DeviceMac::from_stored),
        language: Language::from_tag(&row.language),
        package_id: row.package_id,
        terms: Terms {
            code: row.package_code,
            name_sw: row.package_name_sw,
            name_en: row.package_name_en,
            duration_minutes: row.duration_minutes,
            validity: validity(&row.validity)?,
            data_limit_mb: row.data_limit_mb,
            download_kbps: row.download_kbps,
            upload_kbps: row.upload_kbps,
            shared_devices: row.shared_devices,
        },
        amount: Tzs(row.amount),
        webhook_secret: Secret::new(row.webhook_secret),
        owner_token: row.owner_token.map(OwnerToken::from_stored),
        gateway: GatewayFacts {
            paid_amount: row.paid_amount.map(Tzs),
            reference: row.reference,
            transid: row.transid,
            channel: row.channel,
            payer_msisdn: row.payer_msisdn.map(Personal::new),
        },
        failure_reason: (row.failure_reason.as_deref()).map(FailureReason::from_stored),
        gateway_word: row.gateway_word,
        operator_reason: row.operator_reason.map(Personal::new),
        created_at: row.created_at,
        deadline_at: row.deadline_at,
        due_at: row.due_at,
        confirmed_at: row.confirmed_at,
        processed_at: row.processed_at,
        gateway_confirmed_at: row.gateway_confirmed_at,
        refunded_at: row.refunded_at,
        reissued_at: row.reissued_at,
        voucher: voucher.map(self::voucher),
    })
}

/// The orders that a query finds, each with its voucher.
pub(super) async fn orders(
    db: &impl ConnectionTrait,
    query: Select<payments::Entity>,
) -> Result<Vec<Payment>> {
    let found = query.find_also_related(vouchers::Entity).all(db).await?;
    let order = |(row, voucher)| payment(row, voucher);
    found.into_iter().map(order).collect()
}

pub(super) fn status(word: &str) -> Result<Status> {
    Status::read(word).ok_or_else(|| StoreError::Corrupt(format!("payments.status {word:?}")))
}

/// The predicate of the index `payments_open`, to the letter: SQLite uses a partial index
/// only where it sees its predicate.
pub(super) fn is_open() -> SimpleExpr {
    Expr::cust("status IN ('PENDING', 'HELD')")
}

/// The predicate of the index `payments_not_sold`, to the letter.
pub(super) fn is_not_sold() -> SimpleExpr {
    Expr::cust("status IN ('FAILED', 'CANCELLED', 'EXPIRED', 'REFUNDED')")
}

/// True for orders that a payment can still complete without an operator.
pub(super) const MAY_STILL_BE_PAID: &str = "status NOT IN ('COMPLETED', 'REFUNDED', 'HELD')";

fn voucher(row: vouchers::Model) -> Voucher {
    Voucher {
        code: VoucherCode::from_stored(row.code),
        issued_at: row.issued_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    }
}

pub(super) fn validity(word: &str) -> Result<Validity> {
    Validity::read(word).ok_or_else(|| StoreError::Corrupt(format!("validity {word:?}")))
}

pub(super) fn package(row: packages::Model) -> Result<Package> {
    Ok(Package {
        id: row.id,
        price: Tzs(row.price),
        terms: Terms {
            validity: validity(&row.validity)?,
            code: row.code,
            name_sw: row.name_sw,
            name_en: row.name_en,
            duration_minutes: row.duration_minutes,
            data_limit_mb: row.data_limit_mb,
            download_kbps: row.download_kbps,
            upload_kbps: row.upload_kbps,
            shared_devices: row.shared_devices,
        },
    })
}

/// A text about a person, for its column.
pub(super) fn personal(text: Option<&Personal>) -> Option<String> {
    text.map(|text| text.expose().to_owned())
}

fn reason(payment: &Payment) -> Option<String> {
    (payment.failure_reason).map(|reason| reason.as_str().to_owned())
}

/// What a sale, a hold or a failure changes; also the sale of an order that was held.
pub(super) fn changed(next: &Payment) -> payments::ActiveModel {
    payments::ActiveModel {
        status: Set(next.status.as_str().to_owned()),
        version: Set(next.version),
        failure_reason: Set(reason(next)),
        gateway_word: Set(next.gateway_word.clone()),
        confirmed_at: Set(next.confirmed_at),
        processed_at: Set(next.processed_at),
        ..confirmed(next)
    }
}

/// What ZenoPay has reported. A confirmation changes it without a new version. So a refund, a
/// revocation and a reissue leave these columns as they are, except `due_at`: they may have been
/// decided on older values, perhaps in another process.
pub(super) fn confirmed(next: &Payment) -> payments::ActiveModel {
    payments::ActiveModel {
        paid_amount: Set(next.gateway.paid_amount.map(|amount| amount.0)),
        reference: Set(next.gateway.reference.clone()),
        transid: Set(next.gateway.transid.clone()),
        channel: Set(next.gateway.channel.clone()),
        payer_msisdn: Set(personal(next.gateway.payer_msisdn.as_ref())),
        due_at: Set(next.due_at),
        gateway_confirmed_at: Set(next.gateway_confirmed_at),
        ..Default::default()
    }
}

/// What a refund changes.
pub(super) fn refunded(next: &Payment) -> payments::ActiveModel {
    payments::ActiveModel {
        status: Set(next.status.as_str().to_owned()),
        version: Set(next.version),
        failure_reason: Set(reason(next)),
        operator_reason: Set(personal(next.operator_reason.as_ref())),
        due_at: Set(next.due_at),
        refunded_at: Set(next.refunded_at),
        ..Default::default()
    }
}

/// What changes in the payment when its voucher is revoked.
pub(super) fn revoked(next: &Payment) -> payments::ActiveModel {
    payments::ActiveModel {
        version: Set(next.version),
        ..Default::default()
    }
}

/// What changes in the payment when its voucher has another code.
pub(super) fn reissued(next: &Payment) -> payments::ActiveModel {
    payments::ActiveModel {
        reissued_at: Set(next.reissued_at),
        ..revoked(next)
    }
}

/// What a voucher gives.
pub(super) fn allowance(row: &vouchers::Model) -> Result<Allowance> {
    Ok(Allowance {
        validity: validity(&row.validity)?,
        duration: TimeDelta::minutes(i64::from(row.duration_minutes)),
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        data_limit_mb: row.data_limit_mb,
    })
}

/// Reads a column of type `$stored`, from which `$read` makes the value.
macro_rules! column {
    ($type:ty, $stored:ty, $read:expr) => {
        impl TryGetable for $type {
            fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
                $read(<$stored>::try_get_by(row, index)?)
            }
        }
    };
}

column!(OrderId, Uuid, |id| Ok(Self(id)));
column!(Phone, String, |text| Ok(Self::from_stored(text)));
column!(VoucherCode, String, |code| Ok(Self::from_stored(code)));
column!(Tzs, i64, |amount| Ok(Self(amount)));
column!(Status, String, |word: String| {
    let unknown = || TryGetError::DbErr(DbErr::Type(format!("status {word:?}")));
    Self::read(&word).ok_or_else(unknown)
});
