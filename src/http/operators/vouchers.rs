//! Vouchers by their code, sold or printed: their state, and revoking.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::execute::{Fields, OrderAct, REASON_MAX, revoke_printed};
use super::schema::ReasonRequest;
use super::{Answer, Caller, Code, no_store, rfc3339};
use crate::domain::access::{Remaining, VoucherCode};
use crate::domain::order::Outcome;
use crate::domain::people::Visibility;
use crate::store::Batch;

/// A voucher, sold or printed.
#[derive(Serialize, ToSchema)]
pub struct VoucherDetail {
    /// The row's number, by which the audit log names it.
    id: i64,
    voucher_code: String,
    /// Whether the code is masked, as for a viewer.
    masked: bool,
    package: String,
    /// The `ref` of the order that it was sold with; null for a printed voucher.
    order: Option<String>,
    /// Null for a printed voucher, and for viewers.
    order_id: Option<String>,
    /// The card's serial, as in `12-007`. Null for a sold voucher.
    serial: Option<String>,
    /// Null for a sold voucher.
    batch: Option<PrintedBatch>,
    /// When it was sold or printed.
    issued_at: String,
    first_login_at: Option<String>,
    #[serde(flatten)]
    remaining: Remaining,
    shared_devices: i32,
    revoked_at: Option<String>,
}

/// The batch that a voucher was printed in.
#[derive(Serialize, ToSchema)]
pub struct PrintedBatch {
    id: i64,
    count: i32,
    /// Of each voucher, in whole TZS.
    price: i64,
    /// Where they are sold.
    note: Option<String>,
    operator: String,
    created_at: String,
}

impl PrintedBatch {
    /// As it is stored.
    pub fn of(batch: Batch) -> Self {
        Self {
            id: batch.id,
            count: batch.count,
            price: batch.price,
            note: batch.note,
            operator: batch.operator,
            created_at: rfc3339(batch.created_at),
        }
    }
}

/// The state of a voucher that was sold by an order or printed for cash. An admin sees its whole
/// code, which is audited.
#[utoipa::path(get, path = "/api/v1/operator/vouchers/{code}", tag = "operator",
    params(("code" = String, Path, description = "As the guest types it: in any case, with spaces or dashes")),
    responses(
        (status = 200, description = "Its state", body = VoucherDetail),
        (status = 404, description = "`voucher_not_found`"),
        (status = 429, description = "`rate_limited`: a viewer's searches have a limit")))]
pub async fn show_voucher(code: web::Path<String>, caller: Caller) -> Answer {
    let store = &caller.api.store;
    let code = VoucherCode::typed(&code).ok_or(Code::VoucherNotFound)?;
    caller.count_search(code.as_str()).await?;
    let issued = store.voucher(code).await?.ok_or(Code::VoucherNotFound)?;
    let voucher = store.known_voucher(issued.id).await?;
    let voucher = voucher.ok_or(Code::VoucherNotFound)?;
    let subject = format!("voucher {}", voucher.row.id);
    caller.record_unmasking(voucher.order_id, &subject).await?;
    let visibility = caller.visibility();
    Ok(no_store(VoucherDetail {
        id: voucher.row.id,
        voucher_code: visibility.code(voucher.row.code.as_str()),
        masked: visibility == Visibility::Masked,
        package: voucher.row.package_code,
        order: voucher.order_id.map(|it| it.order_ref().to_string()),
        order_id: voucher.order_id.and_then(|it| visibility.order_id(it)),
        serial: voucher.serial.map(|serial| serial.to_string()),
        batch: voucher.batch.map(PrintedBatch::of),
        issued_at: rfc3339(voucher.row.issued_at),
        first_login_at: voucher.usage.first_login_at.map(rfc3339),
        remaining: Remaining::of(&voucher.allowance, &voucher.usage, store.clock().now()),
        shared_devices: voucher.row.shared_devices,
        revoked_at: voucher.allowance.revoked_at.map(rfc3339),
    }))
}

/// A revoked voucher.
#[derive(Serialize, ToSchema)]
pub struct Revoked {
    status: &'static str,
    state: &'static str,
    /// The order's `ref`; null for a printed voucher, and for a code that was replaced.
    order: Option<String>,
    order_id: Option<String>,
    /// `revoked`; `duplicate` if it was revoked already.
    outcome: &'static str,
    /// `false` if it was revoked already.
    changed: bool,
}

/// Revokes a voucher: no guest can log in with it any more. The order that it was sold with stays
/// COMPLETED.
#[utoipa::path(post, path = "/api/v1/operator/vouchers/{code}/revoke", tag = "operator",
    params(("code" = String, Path)),
    request_body(content = Option<ReasonRequest>, description = "May be left out"),
    responses(
        (status = 200, description = "Revoked, now or before", body = Revoked),
        (status = 404, description = "`voucher_not_found`"),
        (status = 409, description = "`invalid_transition`"),
        (status = 422, description = "`invalid_request`: reason")))]
pub async fn revoke(code: web::Path<String>, payload: web::Payload, caller: Caller) -> Answer {
    let fields = Fields::read(payload).await?;
    // Validate the reason before the code is looked up.
    fields.optional("reason", REASON_MAX)?;
    let code = VoucherCode::typed(&code).ok_or(Code::VoucherNotFound)?;
    let issued = caller.api.store.voucher(code.clone()).await?;
    let issued = issued.ok_or(Code::VoucherNotFound)?;
    let outcome = match issued.order_id {
        Some(order_id) => {
            // Never log the code: a reader of the audit log could use it.
            let subject = format!("voucher {}", issued.id);
            let act = OrderAct::Revoke.apply(order_id, subject, &fields, &caller);
            act.await?.outcome
        }
        None => revoke_printed(issued.id, code, &fields, &caller).await?,
    };
    Ok(HttpResponse::Ok().json(Revoked {
        status: "success",
        state: "revoked",
        order: issued.order_id.map(|it| it.order_ref().to_string()),
        order_id: issued.order_id.map(|it| it.to_string()),
        outcome: outcome.as_str(),
        changed: outcome != Outcome::Duplicate,
    }))
}
