//! Types that only describe the operator API in OpenAPI: bodies that `Fields` reads member by
//! member, and answers that several paths share. `http/openapi` adds 401 and 403 to all of them.
#![expect(dead_code, reason = "only described")]

use utoipa::{IntoResponses, ToSchema};

/// How to decide a held order.
#[derive(ToSchema)]
pub struct ReleaseRequest {
    decision: ReleaseDecision,
    /// For the log and the timeline.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: String,
}

/// Whether the guest gets the voucher.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum ReleaseDecision {
    /// The order is sold.
    Complete,
    /// It is not sold, and the owner pays back.
    Refuse,
}

/// How the owner has paid back.
#[derive(ToSchema)]
pub struct RefundRequest {
    /// For the log and the timeline.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: String,
    /// As in `cash` or `M-Pesa`.
    #[schema(min_length = 1, max_length = 100, pattern = "[!-~\u{a1}-\u{ffff}]")]
    method: Option<String>,
    /// The number of the transfer back.
    #[schema(min_length = 1, max_length = 100, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reference: Option<String>,
}

/// Why a voucher is revoked or gets another code.
#[derive(ToSchema)]
pub struct ReasonRequest {
    /// For the log and the timeline.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: Option<String>,
}

/// What becomes of the messages that came with the backup.
#[derive(ToSchema)]
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
    /// They are given up; newer ones are sent.
    Drop,
}

/// Whose data is erased, and why.
#[derive(ToSchema)]
pub struct EraseRequest {
    /// The customer's phone, spelled as in a purchase.
    #[schema(
        max_length = 40,
        pattern = "^[ -]*(([0][ -]*[0][ -]*|[+][ -]*)?2[ -]*5[ -]*5[ -]*|2[ -]*5[ -]*5[ -]*0[ -]*|0[ -]*)?[67]([ -]*[0-9]){8}[ -]*$"
    )]
    phone: String,
    /// For the audit log, which is kept: no name and no number.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[!-~][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    reason: String,
}

/// A read.
#[derive(IntoResponses)]
pub enum Read {
    /// `unavailable`, `stopping`
    #[response(status = 503)]
    Unavailable,
}

/// A body of JSON.
#[derive(IntoResponses)]
pub enum Body {
    /// `invalid_request`
    #[response(status = 400)]
    Invalid,
    /// `payload_too_large`
    #[response(status = 413)]
    TooLarge,
}

/// A write without an actor.
#[derive(IntoResponses)]
pub enum Write {
    /// `internal`
    #[response(status = 500)]
    Internal,
    /// `unavailable`, `commit_unknown`, `stopping`
    #[response(status = 503)]
    Unavailable,
}

/// A command to an order's actor.
#[derive(IntoResponses)]
pub enum Act {
    /// `internal`
    #[response(status = 500)]
    Internal,
    /// `busy`, `unavailable`, `commit_unknown`, `stopping`
    #[response(status = 503)]
    Unavailable,
}

/// An order that is named in the path.
#[derive(IntoResponses)]
pub enum Order {
    /// `order_not_found`
    #[response(status = 404)]
    NotFound,
}
