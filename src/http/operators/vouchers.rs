//! Vouchers by their code, sold or printed: how one stands, and its end.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::doing::{OrderAct, revoke_printed};
use super::fresh;
use super::responses::{Act, Body, Read};
use super::wish::{ActBody, RevokeRequest};
use crate::domain::access::usage::Remaining;
use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::outcome::Outcome;
use crate::domain::people::mask::Visibility;
use crate::http::auth::Caller;
use crate::http::portal::status::rfc3339;
use crate::http::problem::{Code, Problem};
use crate::store::KnownVoucher;

/// A voucher, sold or printed.
#[derive(Serialize, ToSchema)]
pub struct VoucherFile {
    /// The row's number, by which the audit log names it.
    id: i64,
    voucher_code: String,
    /// Whether the code is masked, as for a viewer.
    masked: bool,
    /// `new`, `active`, `expired` or `revoked`.
    state: &'static str,
    package: String,
    /// The `ref` of the order that it was sold with; null for a printed voucher.
    order: Option<String>,
    /// Null for a printed voucher, and for viewers.
    order_id: Option<String>,
    /// Null for a sold voucher.
    batch: Option<PrintedBatch>,
    /// When it was sold or printed.
    issued_at: String,
    first_login_at: Option<String>,
    /// Null while a voucher that counts from the first log-in is unused.
    expires_at: Option<String>,
    seconds_remaining: u64,
    /// Null is without limit.
    bytes_remaining: Option<u64>,
    devices_online: u32,
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

/// How a voucher stands: sold by an order, or printed for cash. An admin sees its code whole,
/// which is audited.
#[utoipa::path(get, path = "/api/v1/operator/vouchers/{code}", tag = "operator",
    params(("code" = String, Path, description = "As the guest types it: in any case, with spaces or dashes")),
    responses(
        (status = 200, description = "How it stands", body = VoucherFile),
        (status = 404, description = "`voucher_not_found`"),
        Read))]
pub async fn show_voucher(
    code: web::Path<String>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let no_such = || Problem::new(Code::VoucherNotFound);
    let store = &caller.api.store;
    let code = VoucherCode::typed(&code).ok_or_else(no_such)?;
    let issued = store.voucher(code).await?.ok_or_else(no_such)?;
    let voucher = store.known_voucher(issued.id).await?.ok_or_else(no_such)?;
    let subject = format!("voucher {}", voucher.id);
    caller.reveal(voucher.order_id, &subject).await?;
    Ok(fresh(file(voucher, caller.sight(), store.clock().now())))
}

fn file(voucher: KnownVoucher, sight: Visibility, now: DateTime<Utc>) -> VoucherFile {
    let standing = Remaining::of(&voucher.allowance, &voucher.usage, now);
    VoucherFile {
        id: voucher.id,
        voucher_code: sight.code(voucher.code.as_str()),
        masked: sight == Visibility::Masked,
        state: standing.state.as_str(),
        package: voucher.package_code,
        order: voucher.order_id.map(|it| it.order_ref().to_string()),
        order_id: voucher.order_id.and_then(|it| sight.order_id(it)),
        batch: voucher.batch.map(|batch| PrintedBatch {
            id: batch.id,
            count: batch.count,
            price: batch.price,
            note: batch.note,
            operator: batch.operator,
            created_at: rfc3339(batch.created_at),
        }),
        issued_at: rfc3339(voucher.issued_at),
        first_login_at: voucher.usage.first_login_at.map(rfc3339),
        expires_at: standing.expires_at.map(rfc3339),
        seconds_remaining: standing.seconds_remaining,
        bytes_remaining: standing.bytes_remaining,
        devices_online: standing.devices_online,
        shared_devices: voucher.shared_devices,
        revoked_at: voucher.allowance.revoked_at.map(rfc3339),
    }
}

/// A voucher that lets nobody in any more.
#[derive(Serialize, ToSchema)]
pub struct Revoked {
    status: &'static str,
    state: &'static str,
    /// The order's `ref`; null for a printed voucher, and for a code that was replaced.
    order: Option<String>,
    order_id: Option<String>,
    /// `revoked`; `duplicate` if it was so already.
    outcome: &'static str,
    /// `false` if it was so already.
    changed: bool,
}

/// Takes a voucher back: it lets nobody in any more. The order that it was sold with stays
/// COMPLETED.
#[utoipa::path(post, path = "/api/v1/operator/vouchers/{code}/revoke", tag = "operator",
    params(("code" = String, Path)),
    request_body(content = Option<RevokeRequest>, description = "May be left out"),
    responses(
        (status = 200, description = "Revoked, now or before", body = Revoked),
        (status = 404, description = "`voucher_not_found`"),
        (status = 409, description = "`invalid_transition`"),
        (status = 422, description = "`invalid_request`: reason"),
        Body, Act))]
pub async fn revoke(
    code: web::Path<String>,
    payload: web::Payload,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let wish = ActBody::read(payload).await?;
    let act = OrderAct::revoke(&wish)?;
    let no_such = || Problem::new(Code::VoucherNotFound);
    let code = VoucherCode::typed(&code).ok_or_else(no_such)?;
    let issued = caller.api.store.voucher(code.clone()).await?;
    let issued = issued.ok_or_else(no_such)?;
    let outcome = match issued.order_id {
        // The audit log must hold no code that lets in.
        Some(order_id) => {
            let subject = format!("voucher {}", issued.id);
            act.done(order_id, subject, &caller).await?.outcome
        }
        None => revoke_printed(issued.id, code, &wish, &caller).await?,
    };
    let changed = outcome != Outcome::Duplicate;
    Ok(HttpResponse::Ok().json(Revoked {
        status: "success",
        state: "revoked",
        order: issued.order_id.map(|it| it.order_ref().to_string()),
        order_id: issued.order_id.map(|it| it.to_string()),
        outcome: outcome.as_str(),
        changed,
    }))
}
