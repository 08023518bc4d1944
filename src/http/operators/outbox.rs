//! What a restored database holds back, and how it is released.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::doing::release_outbox;
use super::responses::{Body, Read, Write};
use super::wish::{ActBody, NOTE_MAX};
use crate::domain::outbox_hold::{OutboxHold, Queued};
use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::portal::status::rfc3339;
use crate::http::problem::{Code, Problem};

/// What is held back.
#[derive(Serialize, ToSchema)]
pub struct Hold {
    status: &'static str,
    /// Whether SMS and Disconnect-Requests wait for an admin.
    held: bool,
    /// When the backup was restored.
    since: Option<String>,
    /// SMS that wait, also those of sales since.
    sms: u64,
    /// Of these, the ones that came with the backup.
    sms_from_backup: u64,
    /// Disconnect-Requests that wait.
    disconnects: u64,
    /// Of these, the ones that came with the backup.
    disconnects_from_backup: u64,
}

/// What is to become of the messages that came with the backup.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described: it is read by `ActBody`")]
pub struct ReleaseOutboxRequest {
    queued: QueuedWord,
    /// For the log.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: Option<String>,
}

/// Whether they are sent or given up.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum QueuedWord {
    /// They are sent.
    Send,
    /// They are given up; what was queued since is sent.
    Drop,
}

/// What was let go.
#[derive(Serialize, ToSchema)]
pub struct OutboxReleased {
    status: &'static str,
    sms_dropped: u64,
    disconnects_dropped: u64,
}

/// Says what a restored database holds back.
#[utoipa::path(get, path = "/api/v1/operator/outbox/hold", tag = "operator",
    responses(
        (status = 200, description = "What is held back; zeros if nothing is", body = Hold),
        (status = 500, description = "`internal`"),
        Read))]
pub async fn show(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let hold = api.store.outbox_hold().await?;
    let count = |of: fn(&OutboxHold) -> u64| hold.as_ref().map_or(0, of);
    Ok(HttpResponse::Ok().json(Hold {
        status: "success",
        held: hold.is_some(),
        since: hold.map(|hold| rfc3339(hold.since)),
        sms: count(|hold| hold.sms.all),
        sms_from_backup: count(|hold| hold.sms.old),
        disconnects: count(|hold| hold.disconnects.all),
        disconnects_from_backup: count(|hold| hold.disconnects.old),
    }))
}

/// Lets SMS and Disconnect-Requests go out again. Those that came with the backup are sent or
/// given up; newer ones are sent.
#[utoipa::path(post, path = "/api/v1/operator/outbox/hold/release", tag = "operator",
    request_body = ReleaseOutboxRequest,
    responses(
        (status = 200, description = "Nothing is held back any more", body = OutboxReleased),
        (status = 409, description = "`invalid_transition`: nothing is held back"),
        (status = 422, description = "`invalid_request`: queued or reason"),
        Body, Write))]
pub async fn release(payload: web::Payload, caller: Caller) -> Result<HttpResponse, Problem> {
    let wish = ActBody::read(payload).await?;
    let word = wish.needed("queued", NOTE_MAX)?;
    let queued = Queued::read(&word)
        .ok_or_else(|| Problem::new(Code::InvalidValue).detail("queued must be send or drop"))?;
    let dropped = release_outbox(queued, &wish, &caller).await?;
    Ok(HttpResponse::Ok().json(OutboxReleased {
        status: "success",
        sms_dropped: dropped.sms,
        disconnects_dropped: dropped.disconnects,
    }))
}
