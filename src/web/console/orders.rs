//! Find an order, and read what happened to it.

use askama::Template;

use super::acts::Act;
use super::desk::Desk;
use super::format::Moment;
use crate::domain::order::payment::Status;

/// How a status looks.
fn tone(status: Status) -> &'static str {
    match status {
        Status::Completed => "good",
        Status::Pending => "open",
        Status::Held => "watch",
        Status::Failed | Status::Cancelled | Status::Expired => "quiet",
        Status::Refunded => "back",
    }
}

/// An order in a list.
pub struct FoundOrder {
    /// Its `ref`.
    pub name: String,
    /// Its page.
    pub href: String,
    /// Where it stands.
    pub status: Status,
    /// When it was made.
    pub at: Moment,
    /// Who pays, masked.
    pub phone: String,
    /// What is bought.
    pub package: String,
    /// The price, with its currency.
    pub amount: String,
    /// The voucher, masked.
    pub code: Option<String>,
    /// ZenoPay's number.
    pub reference: Option<String>,
}

impl FoundOrder {
    fn tone(&self) -> &'static str {
        tone(self.status)
    }
}

/// One box, and what it finds.
#[derive(Template)]
#[template(path = "console/orders.html")]
pub struct OrdersPage {
    desk: Desk,
    q: String,
    status: Option<Status>,
    found: Vec<FoundOrder>,
    /// The next page.
    next: Option<String>,
    /// Why nothing was looked for.
    fault: Option<String>,
}

impl OrdersPage {
    /// What was found.
    pub fn new(
        desk: Desk,
        q: String,
        status: Option<Status>,
        found: Vec<FoundOrder>,
        next: Option<String>,
    ) -> Self {
        Self {
            desk,
            q,
            status,
            found,
            next,
            fault: None,
        }
    }

    /// What was typed is no key.
    #[must_use]
    pub fn refused(self, why: String) -> Self {
        Self {
            fault: Some(why),
            ..self
        }
    }

    fn statuses(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let chosen = self.status;
        Status::ALL
            .iter()
            .map(move |&status| (status.as_str(), Some(status) == chosen))
    }
}

/// What there is to know of an order.
pub struct Detail {
    /// Its `ref`.
    pub name: String,
    /// Where it stands.
    pub status: Status,
    /// What was bought, and for how much.
    pub title: String,
    /// Names and values.
    pub facts: Vec<(&'static str, String)>,
    /// Its actor, if it is in play.
    pub actor: Option<String>,
}

/// A button that leads to a page which says what will happen.
pub struct Action {
    /// What it does.
    pub act: Act,
    /// Where that page is.
    pub href: String,
}

/// A line of the timeline.
pub struct Step {
    /// When.
    pub at: Moment,
    /// The day, where it is another than that of the line before.
    pub day: Option<String>,
    /// Since the line before.
    pub after: Option<String>,
    /// A stable word.
    pub kind: &'static str,
    /// A sentence.
    pub summary: String,
    /// What can be done about it.
    pub actions: Vec<Action>,
    /// The delivery in the journal.
    pub journal: Option<String>,
}

impl Step {
    fn name(&self) -> String {
        self.kind.replace('_', " ")
    }
}

/// An order, its timeline, and what can be done.
#[derive(Template)]
#[template(path = "console/order.html")]
pub struct OrderPage {
    desk: Desk,
    order: Detail,
    steps: Vec<Step>,
    actions: Vec<Action>,
}

impl OrderPage {
    /// As it is now.
    pub fn new(desk: Desk, order: Detail, steps: Vec<Step>, actions: Vec<Action>) -> Self {
        Self {
            desk,
            order,
            steps,
            actions,
        }
    }

    fn tone(&self) -> &'static str {
        tone(self.order.status)
    }
}
