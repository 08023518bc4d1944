//! What a drill has seen: all that the checker looks at, and nothing that it would have to
//! go and fetch.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::ids::OrderId;
use crate::store::OrderRows;

/// The word for a delivery that sold.
pub(super) const WON: &str = "completed";

/// Everything that was sent, heard, shown and booked.
#[derive(Clone)]
pub struct Collected {
    /// What was done, order by order.
    pub played: Vec<PlayedOrder>,
    /// What the status page shows afterwards. An order that is missing is not shown.
    pub shown: HashMap<OrderId, Shown>,
    /// What the database holds afterwards; `None` when it could not be reached.
    pub booked: Option<HashMap<OrderId, OrderRows>>,
}

/// One order as it was played.
#[derive(Clone, Debug)]
pub struct PlayedOrder {
    /// Which.
    pub order_id: OrderId,
    /// Every delivery, with its answer.
    pub sent: Vec<Sent>,
    /// What the waiting guest was told; `None` if that never was COMPLETED.
    pub told: Option<PollAnswer>,
}

/// One delivery and what became of it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The delivery's number within its order, carried in the body's `metadata`, so that it
    /// can be found in the journal.
    pub mark: u32,
    /// ZenoPay's word, as in `COMPLETED`.
    pub word: &'static str,
    /// How often it was sent again after a 503 or a lost connection.
    pub sent_again: u32,
    /// The last answer.
    pub answer: Answer,
    /// When the try that was last answered left.
    pub sent_at: Instant,
    /// How long that answer took.
    pub answered_in: Duration,
}

/// The end of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200, so it is safe with the server.
    Acknowledged {
        /// What it meant, as in `duplicate`.
        outcome: String,
    },
    /// Another status than 200 and 503.
    Refused {
        /// As in 401.
        status: u16,
        /// The problem's code.
        code: String,
    },
    /// Nothing but 503s and lost connections until the drill gave up.
    GaveUp,
}

/// What a parked long poll was answered at last.
#[derive(Clone, Debug)]
pub struct PollAnswer {
    /// The voucher code, if there was one.
    pub code: Option<VoucherCode>,
    /// When.
    pub at: Instant,
    /// An order that was shown at a version and later at a lower one; both.
    pub went_back: Option<(i64, i64)>,
}

/// What the status page shows.
#[derive(Clone, Debug)]
pub struct Shown {
    /// As in `COMPLETED`.
    pub status: String,
    /// The voucher code, if there is one.
    pub code: Option<VoucherCode>,
}

impl PlayedOrder {
    /// From the sending of the delivery that sold to the guest who knows. `None` if the
    /// guest was never told, or the delivery that sold was not ours.
    pub fn told_after(&self) -> Option<Duration> {
        let winner = self.sent.iter().find(|sent| sent.won())?;
        let told = self.told.as_ref()?;
        Some(told.at.saturating_duration_since(winner.sent_at))
    }
}

impl Sent {
    /// Whether it was answered 200.
    pub fn is_acknowledged(&self) -> bool {
        matches!(self.answer, Answer::Acknowledged { .. })
    }

    /// Whether the answer says that this delivery sold.
    pub fn won(&self) -> bool {
        matches!(&self.answer, Answer::Acknowledged { outcome } if outcome == WON)
    }
}
