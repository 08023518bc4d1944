//! What a drill has seen: everything that the checker needs, so that it fetches nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::domain::access::VoucherCode;
use crate::domain::order::OrderId;
use crate::store::OrderRows;

/// ZenoPay's word for paid, and the status of a sold order.
pub(super) const COMPLETED: &str = "COMPLETED";
/// The outcome of the delivery that made the sale.
pub(super) const SOLD: &str = "completed";

/// Everything that was sent, answered, shown and stored.
#[derive(Clone)]
pub struct Collected {
    /// What was done, order by order.
    pub played: Vec<PlayedOrder>,
    /// What the status page shows afterwards. An order that is missing is not shown.
    pub shown: HashMap<OrderId, Shown>,
    /// What the database has afterwards; `None` if it cannot be reached.
    pub rows: Option<HashMap<OrderId, OrderRows>>,
}

/// One order as it was played.
#[derive(Clone, Debug)]
pub struct PlayedOrder {
    /// Which one.
    pub order_id: OrderId,
    /// Every delivery, with its answer.
    pub sent: Vec<Sent>,
    /// What the waiting guest was shown; `None` if that never was COMPLETED.
    pub polled: Option<PollAnswer>,
}

/// One delivery and its answer.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The delivery's number within its order, sent in the body's `metadata`, so that it is found
    /// in the journal.
    pub mark: u32,
    /// ZenoPay's word, as in `COMPLETED`.
    pub word: &'static str,
    /// How often it was sent again after a 503 or a lost connection.
    pub sent_again: u32,
    /// The last answer.
    pub answer: Answer,
    /// When the last try was sent.
    pub sent_at: Instant,
    /// How long its answer took.
    pub answered_in: Duration,
}

/// The end of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200: the server has committed it.
    Acknowledged {
        /// What it meant, as in `duplicate`.
        outcome: String,
    },
    /// A status that is not 200 and asks for no other try.
    Refused {
        /// As in 401.
        status: u16,
        /// The problem's code.
        code: String,
    },
    /// Only 503s and lost connections until the drill gave up.
    GaveUp,
}

/// What a long poll was answered at last.
#[derive(Clone, Debug)]
pub struct PollAnswer {
    /// The voucher code, if there was one.
    pub code: Option<VoucherCode>,
    /// When.
    pub at: Instant,
    /// A version, and a lower one that was shown after it.
    pub went_back: Option<(i64, i64)>,
}

/// What the status page shows.
#[derive(Clone, Debug)]
pub struct Shown {
    /// As in `COMPLETED`.
    pub status: String,
    /// Rises with each change.
    pub version: i64,
    /// The voucher code, if there is one.
    pub code: Option<VoucherCode>,
}

impl PlayedOrder {
    /// From the sending of the delivery that sold until the guest knows. `None` if the guest never
    /// knew, or a delivery of another sender sold.
    pub fn notified_after(&self) -> Option<Duration> {
        let winner = self.sent.iter().find(|sent| sent.is_sale())?;
        let polled = self.polled.as_ref()?;
        Some(polled.at.saturating_duration_since(winner.sent_at))
    }
}

impl Sent {
    /// Whether it was answered 200.
    pub fn is_acknowledged(&self) -> bool {
        matches!(self.answer, Answer::Acknowledged { .. })
    }

    /// Whether the answer says that this delivery made the sale.
    pub fn is_sale(&self) -> bool {
        matches!(&self.answer, Answer::Acknowledged { outcome } if outcome == SOLD)
    }
}
