//! Bodies of the operator API as OpenAPI describes them; `Fields` reads them member by member.
#![expect(dead_code, reason = "only described")]

use utoipa::ToSchema;

/// How to decide a held order.
#[derive(ToSchema)]
pub struct ReleaseRequest {
    /// `complete`: the order is sold; `refuse`: it is not, and the shop pays back.
    #[schema(pattern = "^(complete|refuse)$")]
    decision: String,
    /// For the log and the timeline.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: String,
}

/// How the shop has paid back.
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
    /// For the audit log, and for the timeline if there is an order.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: Option<String>,
}

/// Why a voucher gets another code, and the code that it replaces.
#[derive(ToSchema)]
pub struct ReissueRequest {
    /// For the audit log and the timeline.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: Option<String>,
    /// The version of the order that the caller saw. If it has another one, its code was replaced already,
    /// and the answer is 200 with `changed: false`.
    #[schema(minimum = 0, maximum = 65_535)]
    seen: Option<i32>,
}

/// What is printed.
#[derive(ToSchema)]
pub struct BatchRequest {
    /// The code of a package that is on sale.
    #[schema(min_length = 1, max_length = 100, pattern = "[!-~\u{a1}-\u{ffff}]")]
    package: String,
    /// How many vouchers.
    #[schema(minimum = 1, maximum = 240)]
    count: u32,
    /// Where they are sold.
    #[schema(min_length = 1, max_length = 100, pattern = "[!-~\u{a1}-\u{ffff}]")]
    note: Option<String>,
    /// The paper of the sheet: `a4`, or `thermal`, a roll of 80 mm.
    #[schema(pattern = "^(a4|thermal)$")]
    template: Option<String>,
}

/// What becomes of the messages that came with the backup.
#[derive(ToSchema)]
pub struct ReleaseOutboxRequest {
    /// `send`: they are sent; `drop`: they are given up. Newer ones are sent.
    #[schema(pattern = "^(send|drop)$")]
    queued: String,
    /// For the log.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: Option<String>,
}

/// Whose data is erased, and why.
#[derive(ToSchema)]
pub struct EraseRequest {
    /// The customer's phone, spelled as in a purchase.
    #[schema(
        max_length = 40,
        pattern = "^[ .()-]*(([0][ .()-]*[0][ .()-]*|[+][ .()-]*)?2[ .()-]*5[ .()-]*5[ .()-]*|([+][ .()-]*)?2[ .()-]*5[ .()-]*5[ .()-]*0[ .()-]*|0[ .()-]*)?[67]([ .()-]*[0-9]){8}[ .()-]*$"
    )]
    phone: String,
    /// For the audit log, which is kept: no name and no number.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: String,
}
