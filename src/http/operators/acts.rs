//! Manual actions of operators on an order, a webhook, an SMS, the outbox or a customer.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::execute::{self, Fields, NOTE_MAX, OrderAct, REASON_MAX, order_subject};
use super::orders::order_named;
use super::schema::{
    EraseRequest, RefundRequest, ReissueRequest, ReleaseOutboxRequest, ReleaseRequest,
};
use super::webhooks::journalled;
use super::{Answer, Caller, Code, rfc3339};
use crate::actors::Handled;
use crate::domain::order::Outcome;
use crate::domain::people::Phone;
use crate::gateways::zenopay::wire::StatusAnswer;
use crate::http::Api;
use crate::store::Erasure;

/// Characters of a phone number with its separators.
const PHONE_MAX: usize = 40;

/// An order as it is now.
#[derive(Serialize, ToSchema)]
pub struct OrderState {
    status: &'static str,
    /// The order's `ref`.
    order: String,
    order_id: String,
    payment_status: &'static str,
    /// As in `released` or `completed`; `duplicate` if nothing changed.
    outcome: &'static str,
    version: i32,
}

/// An order after an action.
#[derive(Serialize, ToSchema)]
pub struct ActAnswer {
    #[serde(flatten)]
    order: OrderState,
    /// `false` if nothing changed.
    changed: bool,
}

/// ZenoPay's answer, and what followed.
#[derive(Serialize, ToSchema)]
pub struct ReconcileAnswer {
    #[serde(flatten)]
    order: OrderState,
    /// The payment status as ZenoPay wrote it; null without an answer.
    zenopay: Option<String>,
    /// Why there is no answer.
    silence: Option<String>,
}

/// An SMS that is queued again.
#[derive(Serialize, ToSchema)]
pub struct Requeued {
    status: &'static str,
    state: &'static str,
    /// The order's `ref`.
    order: String,
    order_id: String,
}

/// What is held back.
#[derive(Serialize, ToSchema)]
pub struct Hold {
    status: &'static str,
    /// Whether SMS and Disconnect-Requests wait for an admin.
    held: bool,
    /// When the backup was restored.
    since: Option<String>,
    /// Held SMS, including those of sales since the restore.
    sms: u64,
    /// Of these, the ones that came with the backup.
    sms_from_backup: u64,
    /// Disconnect-Requests that wait.
    disconnects: u64,
    /// Of these, the ones that came with the backup.
    disconnects_from_backup: u64,
}

/// The number of dropped messages.
#[derive(Serialize, ToSchema)]
pub struct OutboxReleased {
    status: &'static str,
    sms_dropped: u64,
    disconnects_dropped: u64,
}

/// What was erased; zeros if the phone is unknown.
#[derive(Serialize, ToSchema)]
pub struct ErasedCounts {
    status: &'static str,
    orders: usize,
    vouchers: usize,
    sms: u64,
    /// Rows of others that named the customer.
    mentions: u64,
    /// Rows of others that have the customer's name and keep it, because more than twenty have it.
    common_names: u64,
}

impl OrderState {
    fn of(handled: &Handled) -> Self {
        let payment = &handled.payment;
        Self {
            status: "success",
            order: payment.order_id.order_ref().to_string(),
            order_id: payment.order_id.to_string(),
            payment_status: payment.status.as_str(),
            outcome: handled.outcome.as_str(),
            version: payment.version,
        }
    }
}

/// Handles a journalled delivery again. If it was not proven, ZenoPay is asked, and the answer is
/// applied.
#[utoipa::path(post, path = "/api/v1/operator/webhooks/{id}/replay", tag = "operator",
    params(("id" = i64, Path, description = "The delivery's number in the journal")),
    responses(
        (status = 200, description = "Handled again, and journalled with source `replay`", body = OrderState),
        (status = 409, description = "`invalid_transition`: the sandbox has made the payment"),
        (status = 400, description = "`malformed_webhook`: it still cannot be read"),
        (status = 404, description = "`not_found`: no such delivery; `order_not_found`: it is about no order of ours")))]
pub async fn replay(id: web::Path<String>, caller: Caller) -> Answer {
    let row = journalled(&id, &caller).await?;
    let handled = execute::replay(&row, &caller).await?;
    Ok(HttpResponse::Ok().json(OrderState::of(&handled)))
}

/// Asks ZenoPay for an order's status once, and applies the answer.
#[utoipa::path(post, path = "/api/v1/operator/orders/{order_id}/reconcile", tag = "operator",
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    responses(
        (status = 200, description = "ZenoPay's answer, and what followed", body = ReconcileAnswer)))]
pub async fn reconcile(name: web::Path<String>, caller: Caller) -> Answer {
    let order_id = order_named(&name, &caller).await?;
    let done = execute::reconcile(order_id, &caller).await?;
    let (zenopay, silence) = match done.answer {
        StatusAnswer::Known(report) => (Some(report.raw_word), None),
        StatusAnswer::Unknown(why) => (None, Some(why.to_string())),
    };
    Ok(HttpResponse::Ok().json(ReconcileAnswer {
        order: OrderState::of(&done.handled),
        zenopay,
        silence,
    }))
}

/// Decides a held order: it is completed, or it is refused and the shop pays back.
#[utoipa::path(post, path = "/api/v1/operator/orders/{order_id}/release", tag = "operator",
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    request_body = ReleaseRequest,
    responses(
        (status = 200, description = "COMPLETED or REFUNDED", body = ActAnswer),
        (status = 409, description = "`ambiguous_ref`; `invalid_transition`: the order is not held"),
        (status = 422, description = "`invalid_request`: decision or reason")))]
pub async fn release(name: web::Path<String>, payload: web::Payload, caller: Caller) -> Answer {
    let order_id = order_named(&name, &caller).await?;
    let fields = Fields::read(payload).await?;
    let act = match fields.required("decision", NOTE_MAX)?.as_str() {
        "complete" => OrderAct::Release,
        "refuse" => OrderAct::Refuse,
        _ => return Err(Code::InvalidValue.detail("decision must be complete or refuse")),
    };
    let handled = act.apply(order_id, order_subject(order_id), &fields, &caller);
    acted(&handled.await?)
}

/// Records that the shop has paid back, and revokes the voucher. Moves no money.
#[utoipa::path(post, path = "/api/v1/operator/orders/{order_id}/refund", tag = "operator",
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    request_body = RefundRequest,
    responses(
        (status = 200, description = "REFUNDED, now or before", body = ActAnswer),
        (status = 409, description = "`ambiguous_ref`; `invalid_transition`: the order is not completed"),
        (status = 422, description = "`invalid_request`: reason, method or reference")))]
pub async fn refund(name: web::Path<String>, payload: web::Payload, caller: Caller) -> Answer {
    let order_id = order_named(&name, &caller).await?;
    let fields = Fields::read(payload).await?;
    let handled = OrderAct::Refund.apply(order_id, order_subject(order_id), &fields, &caller);
    acted(&handled.await?)
}

/// Gives an order's voucher another code: the old one is closed, its devices are disconnected, and
/// the new one goes by SMS to the phone that paid. Not limited to three a day, as the owner link
/// is.
#[utoipa::path(post, path = "/api/v1/operator/orders/{order_id}/reissue", tag = "operator",
    params(("order_id" = String, Path)),
    request_body(content = Option<ReissueRequest>, description = "May be left out"),
    responses(
        (status = 200, description = "There is a new code", body = ActAnswer),
        (status = 409, description = "`ambiguous_ref`; `invalid_transition`: there is no valid voucher"),
        (status = 422, description = "`invalid_request`: reason or seen")))]
pub async fn reissue(name: web::Path<String>, payload: web::Payload, caller: Caller) -> Answer {
    let order_id = order_named(&name, &caller).await?;
    let fields = Fields::read(payload).await?;
    acted(&execute::reissue(order_id, &fields, &caller).await?)
}

fn acted(handled: &Handled) -> Answer {
    let (order, changed) = (
        OrderState::of(handled),
        handled.outcome != Outcome::Duplicate,
    );
    Ok(HttpResponse::Ok().json(ActAnswer { order, changed }))
}

/// Sends an SMS again, whatever its state.
#[utoipa::path(post, path = "/api/v1/operator/sms/{id}/resend", tag = "operator",
    params(("id" = i64, Path, description = "The message's number")),
    responses(
        (status = 200, description = "Queued", body = Requeued),
        (status = 404, description = "`not_found`: no such message")))]
pub async fn resend(id: web::Path<String>, caller: Caller) -> Answer {
    let order_id = execute::resend(&id, &caller).await?;
    Ok(HttpResponse::Ok().json(Requeued {
        status: "success",
        state: "queued",
        order: order_id.order_ref().to_string(),
        order_id: order_id.to_string(),
    }))
}

/// What is held back after a restored backup.
#[utoipa::path(get, path = "/api/v1/operator/outbox/hold", tag = "operator",
    responses(
        (status = 200, description = "What is held back; zeros if nothing is", body = Hold),
        (status = 500, description = "`internal`")))]
pub async fn show_hold(api: web::Data<Api>) -> Answer {
    let hold = api.store.outbox_hold().await?;
    let waiting = hold.map(|hold| (hold.sms, hold.disconnects));
    let (sms, disconnects) = waiting.unwrap_or_default();
    Ok(HttpResponse::Ok().json(Hold {
        status: "success",
        held: hold.is_some(),
        since: hold.map(|hold| rfc3339(hold.since)),
        sms: sms.all,
        sms_from_backup: sms.old,
        disconnects: disconnects.all,
        disconnects_from_backup: disconnects.old,
    }))
}

/// Ends the hold. Messages that came with the backup are sent or given up; newer ones are sent.
#[utoipa::path(post, path = "/api/v1/operator/outbox/hold/release", tag = "operator",
    request_body = ReleaseOutboxRequest,
    responses(
        (status = 200, description = "Nothing is held back any more", body = OutboxReleased),
        (status = 409, description = "`invalid_transition`: nothing is held back"),
        (status = 422, description = "`invalid_request`: queued or reason")))]
pub async fn release_hold(payload: web::Payload, caller: Caller) -> Answer {
    let fields = Fields::read(payload).await?;
    let queued = (fields.required("queued", NOTE_MAX)?.parse())
        .map_err(|_| Code::InvalidValue.detail("queued must be send or drop"))?;
    let dropped = execute::release_outbox(queued, &fields, &caller).await?;
    Ok(HttpResponse::Ok().json(OutboxReleased {
        status: "success",
        sms_dropped: dropped.sms,
        disconnects_dropped: dropped.disconnects,
    }))
}

/// Erases a customer: phone, name, SMS, access and what ZenoPay sent about them. Invoices keep
/// their numbers and amounts.
#[utoipa::path(post, path = "/api/v1/operator/customers/erase", tag = "operator",
    request_body = EraseRequest,
    responses(
        (status = 200, description = "Erased, or the phone is unknown", body = ErasedCounts),
        (status = 409, description = "`invalid_transition`: an order still waits for money or for an operator"),
        (status = 422, description = "`invalid_phone`, `invalid_request`")))]
pub async fn erase(payload: web::Payload, caller: Caller) -> Answer {
    let fields = Fields::read(payload).await?;
    let phone = Phone::read(&fields.required("phone", PHONE_MAX)?)?;
    let reason = fields.required("reason", REASON_MAX)?;
    let name = caller.operator().name.clone();
    let retention = &caller.api.retention;
    match retention.erase_customer(phone, name, reason).await? {
        Erasure::Done(erased) => Ok(HttpResponse::Ok().json(ErasedCounts {
            status: "success",
            orders: erased.orders,
            vouchers: erased.vouchers,
            sms: erased.sms,
            mentions: erased.mentions,
            common_names: erased.common_names,
        })),
        Erasure::StillOpen => Err(Code::InvalidTransition
            .detail("an order of this customer still waits for money or for an operator")),
    }
}
