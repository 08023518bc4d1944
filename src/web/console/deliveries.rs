//! The journal of deliveries.

use askama::Template;

use super::acts::Act;
use super::desk::Desk;
use super::format::Moment;
use crate::domain::order::outcome::Outcome;

/// A delivery as it was answered.
pub struct Delivery {
    /// Its number in the journal.
    pub id: i64,
    /// When its last byte was here.
    pub at: Moment,
    /// What it meant.
    pub outcome: String,
    /// ZenoPay's word.
    pub word: Option<String>,
    /// Why it was believed.
    pub proof: Option<String>,
    /// What brought it.
    pub source: String,
    /// The `ref`, or for an admin what the sender named.
    pub order: String,
    /// If it can be an order of ours.
    pub order_href: Option<String>,
    /// ZenoPay's number.
    pub reference: Option<String>,
    /// With its currency.
    pub amount: Option<String>,
    /// Until just before the commit.
    pub took: String,
}

impl Delivery {
    fn tone(&self) -> &'static str {
        match Outcome::of_delivery(&self.outcome) {
            Some(Outcome::Completed) => "good",
            Some(Outcome::Held | Outcome::Unconfirmed | Outcome::UnknownOrder) => "watch",
            Some(Outcome::Malformed | Outcome::Error) | None => "wrong",
            Some(
                Outcome::Duplicate
                | Outcome::Stale
                | Outcome::Failed
                | Outcome::Cancelled
                | Outcome::Pending
                // Of acts and of the deadline, which no delivery brings.
                | Outcome::Refunded
                | Outcome::Revoked
                | Outcome::Released
                | Outcome::Refused
                | Outcome::Reissued
                | Outcome::Expired,
            ) => "quiet",
        }
    }
}

/// A page of the journal.
#[derive(Template)]
#[template(path = "console/deliveries.html")]
pub struct DeliveriesPage {
    desk: Desk,
    outcome: Option<Outcome>,
    order_id: String,
    rows: Vec<Delivery>,
    next: Option<String>,
}

impl DeliveriesPage {
    /// What was looked for, and what was found.
    pub fn new(
        desk: Desk,
        outcome: Option<Outcome>,
        order_id: String,
        rows: Vec<Delivery>,
        next: Option<String>,
    ) -> Self {
        Self {
            desk,
            outcome,
            order_id,
            rows,
            next,
        }
    }

    fn outcomes(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let chosen = self.outcome;
        Outcome::OF_DELIVERIES
            .into_iter()
            .map(move |outcome| (outcome.as_str(), Some(outcome) == chosen))
    }
}

/// One delivery, with its body for those who may see it.
#[derive(Template)]
#[template(path = "console/delivery.html")]
pub struct DeliveryPage {
    desk: Desk,
    row: Delivery,
    content_type: Option<String>,
    body: Option<String>,
}

impl DeliveryPage {
    /// As it was received.
    pub fn new(
        desk: Desk,
        row: Delivery,
        content_type: Option<String>,
        body: Option<String>,
    ) -> Self {
        Self {
            desk,
            row,
            content_type,
            body,
        }
    }

    fn replay(&self) -> Act {
        Act::Replay
    }
}
