//! The rows of an order's history, without their tables.

use chrono::{DateTime, Utc};

use crate::domain::catalog::Tzs;
use crate::domain::order::{OrderId, Payment};

/// Everything that the database has of one order. `Debug` is not derived: it holds phones and
/// codes.
#[derive(Clone)]
pub struct OrderHistory {
    /// The order as it is now, with its voucher.
    pub payment: Payment,
    /// The invoice's number.
    pub invoice: Option<String>,
    /// Why the voucher was revoked.
    pub revoked_reason: Option<String>,
    /// Codes that the voucher had before, oldest first.
    pub former_codes: Vec<FormerCode>,
    /// The number of `radcheck` rows of the voucher.
    pub radius: u64,
    /// Pushes and status checks.
    pub calls: Vec<Call>,
    /// Journalled webhooks.
    pub deliveries: Vec<JournalledWebhook>,
    /// SMS to the guest.
    pub texts: Vec<SmsRecord>,
    /// The guest's devices online.
    pub sessions: Vec<Session>,
    /// Requests to routers to end sessions.
    pub disconnects: Vec<Disconnect>,
    /// Remarks of decisions.
    pub remarks: Vec<TimelineRemark>,
    /// What operators did.
    pub acts: Vec<OperatorAction>,
    /// Other orders for the same purchase that were paid too.
    pub duplicate_orders: Vec<DuplicateOrder>,
    /// Some of these lists were too long: their oldest rows are left out.
    pub is_cut: bool,
}

/// A code that was replaced.
#[derive(Clone)]
pub struct FormerCode {
    /// What the guest typed.
    pub code: String,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
}

/// A call to ZenoPay.
#[derive(Clone)]
pub struct Call {
    /// Whether it was a push; otherwise it was a status check.
    pub is_push: bool,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: f64,
    /// `None` when no answer came.
    pub http_status: Option<i32>,
    /// The answer as it was understood.
    pub answer: String,
    /// Further details.
    pub detail: Option<String>,
}

/// A delivery, as journalled.
#[derive(Clone)]
pub struct JournalledWebhook {
    /// Its number in the journal.
    pub id: i64,
    /// When its last byte was received.
    pub received_at: DateTime<Utc>,
    /// `webhook`, or another source.
    pub source: Option<String>,
    /// ZenoPay's word.
    pub word: Option<String>,
    /// What was paid, if it says so.
    pub amount: Option<Tzs>,
    /// The proof, if it was proven.
    pub proof: Option<String>,
    /// The outcome.
    pub outcome: String,
    /// The time until just before the commit.
    pub processing_ms: f64,
}

/// An SMS. Its text is not read, because it has the code.
#[derive(Clone)]
pub struct SmsRecord {
    /// Its number in the outbox.
    pub id: i64,
    /// Its kind.
    pub kind: String,
    /// The phone it is sent to.
    pub phone: String,
    /// Its state.
    pub state: String,
    /// The number of attempts.
    pub attempts: i32,
    /// The provider that carried it.
    pub provider: Option<String>,
    /// The last failure.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When the provider accepted it.
    pub sent_at: Option<DateTime<Utc>>,
    /// The provider's receipt.
    pub receipt: Option<Receipt>,
}

/// A provider's receipt for an SMS that it accepted.
#[derive(Clone)]
pub struct Receipt {
    /// When it was received.
    pub at: DateTime<Utc>,
    /// Whether the SMS was delivered.
    pub is_delivered: bool,
    /// The provider's own word.
    pub detail: Option<String>,
}

/// A device's time online, as FreeRADIUS accounted for it.
#[derive(Clone)]
pub struct Session {
    /// Its hardware address, as reported by the router.
    pub device: String,
    /// The router's address.
    pub router: String,
    /// `None` if only its end was reported.
    pub started_at: Option<DateTime<Utc>>,
    /// `None` while it is online.
    pub stopped_at: Option<DateTime<Utc>>,
    /// How long it was online.
    pub secs: i64,
    /// What the guest downloaded.
    pub down_bytes: i64,
    /// What the guest uploaded.
    pub up_bytes: i64,
    /// Why it ended, in RADIUS's words.
    pub cause: String,
}

/// A request to a router to end a session.
#[derive(Clone)]
pub struct Disconnect {
    /// The router's address.
    pub router: String,
    /// Why it is to end.
    pub reason: String,
    /// The state of the message.
    pub state: String,
    /// The number of attempts.
    pub attempts: i32,
    /// The router's answer.
    pub result: Option<String>,
    /// The last failure.
    pub last_error: Option<String>,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
    /// When the router answered.
    pub sent_at: Option<DateTime<Utc>>,
}

/// Another order that the same guest paid for the same purchase.
#[derive(Clone)]
pub struct DuplicateOrder {
    /// The other order.
    pub order_id: OrderId,
    /// When the later of the two was sold.
    pub at: DateTime<Utc>,
}

/// A remark of a decision.
#[derive(Clone)]
pub struct TimelineRemark {
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Whether an operator must look at it.
    pub is_alert: bool,
    /// A sentence.
    pub summary: String,
}

/// What an operator did, as in the audit log.
#[derive(Clone)]
pub struct OperatorAction {
    pub at: DateTime<Utc>,
    /// The operator's name.
    pub operator: String,
    /// The action, in a word.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// The reason, as typed.
    pub detail: Option<String>,
}
