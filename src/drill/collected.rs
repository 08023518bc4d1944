//! What a drill has collected: everything that the checker needs, so that it fetches nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::server::Reply;
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
    /// The answer to the last try.
    pub reply: Reply,
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
        Some(polled.at.saturating_duration_since(winner.reply.sent_at))
    }
}

impl Sent {
    /// Whether it was answered 200: the server has committed it.
    pub fn is_acknowledged(&self) -> bool {
        matches!(self.reply.answer, Ok((200, _)))
    }

    /// Whether the answer says that this delivery made the sale.
    pub fn is_sale(&self) -> bool {
        matches!(&self.reply.answer, Ok((200, document)) if document["outcome"] == SOLD)
    }
}
