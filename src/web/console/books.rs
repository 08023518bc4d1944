//! What the books say: letters that did not arrive, the report of a day, sales, the audit log.

use askama::Template;

use super::desk::Desk;
use super::format::{Moment, count, money};
use crate::domain::people::operator::Role;

/// A letter that did not arrive.
pub struct LetterLine {
    /// What it tells.
    pub kind: String,
    /// The phone, masked, or the router.
    pub to: String,
    /// The order's `ref`.
    pub order: Option<String>,
    /// Given up.
    pub is_dead: bool,
    /// How often it was tried.
    pub attempts: i32,
    /// What last went wrong.
    pub error: String,
    /// When it was written.
    pub at: Moment,
    /// When it is tried again.
    pub due: Moment,
}

/// What did not arrive of one outbox.
pub struct LetterBox {
    /// Its name.
    pub name: &'static str,
    /// How many in all.
    pub count: u64,
    /// The newest of them.
    pub letters: Vec<LetterLine>,
}

impl LetterBox {
    fn rest(&self) -> u64 {
        self.count.saturating_sub(self.letters.len() as u64)
    }
}

/// What did not arrive, by outbox.
#[derive(Template)]
#[template(path = "console/letters.html")]
pub struct LettersPage {
    desk: Desk,
    boxes: Vec<LetterBox>,
}

impl LettersPage {
    /// Both outboxes.
    pub fn new(desk: Desk, boxes: Vec<LetterBox>) -> Self {
        Self { desk, boxes }
    }
}

/// A line of a list of the report.
pub struct ReportLine {
    /// When.
    pub at: Moment,
    /// The order's `ref`, as far as it has one.
    pub order: String,
    /// Where one reads more.
    pub href: Option<String>,
    /// Where it stands, or what was said.
    pub status: String,
    /// With its currency.
    pub amount: String,
    /// What an operator should know.
    pub note: String,
}

/// A list of the report.
pub struct ReportList {
    /// Its name.
    pub name: &'static str,
    /// What it means, and what to do.
    pub meaning: &'static str,
    /// How many in all.
    pub count: i64,
    /// How much in all.
    pub amount: i64,
    /// Whether somebody must look when it is not empty.
    pub is_trouble: bool,
    /// The first of them.
    pub lines: Vec<ReportLine>,
}

impl ReportList {
    fn tone(&self) -> &'static str {
        match (self.count, self.is_trouble) {
            (0, _) => "none",
            (_, true) => "trouble",
            (_, false) => "some",
        }
    }

    fn sum(&self) -> String {
        money(self.amount)
    }

    fn rest(&self) -> i64 {
        self.count - i64::try_from(self.lines.len()).unwrap_or(i64::MAX)
    }
}

/// A way to sell, and what was sold in it: package, how often, for how much.
struct Way<'a> {
    name: &'static str,
    meaning: &'static str,
    lines: Vec<(&'a str, String, String)>,
}

/// One day, and everything that does not fit together.
#[derive(Template)]
#[template(path = "console/report.html")]
pub struct ReportPage {
    desk: Desk,
    /// `2026-11-24`.
    date: String,
    before: Option<String>,
    after: Option<String>,
    /// Package, how often, for how much: with mobile money.
    sales: Vec<(String, i64, i64)>,
    /// The same of printed vouchers that were first used that day.
    cash: Vec<(String, i64, i64)>,
    lists: Vec<ReportList>,
}

impl ReportPage {
    /// The day between `before` and `after`.
    pub fn new(
        desk: Desk,
        date: String,
        [before, after]: [Option<String>; 2],
        sales: Vec<(String, i64, i64)>,
        cash: Vec<(String, i64, i64)>,
        lists: Vec<ReportList>,
    ) -> Self {
        Self {
            desk,
            date,
            before,
            after,
            sales,
            cash,
            lists,
        }
    }

    /// What was sold, by phone and for cash.
    fn ways(&self) -> [Way<'_>; 2] {
        [
            Way {
                name: "Sold with mobile money",
                meaning: "",
                lines: shown(&self.sales),
            },
            Way {
                name: "Printed vouchers first used",
                meaning: "A printed voucher counts on the day of its first log-in, at the price on the card: that it was printed says nothing, and what was taken in cash is known at the till alone.",
                lines: shown(&self.cash),
            },
        ]
    }

    /// What there is to say of cash, if anything.
    fn cash(&self) -> Option<String> {
        let times: i64 = self.cash.iter().map(|(_, times, _)| times).sum();
        let amount = self.cash.iter().map(|(_, _, amount)| amount).sum();
        (times > 0).then(|| format!("{} printed for {}", count(times), money(amount)))
    }

    fn sold(&self) -> String {
        count(self.sales.iter().map(|(_, count, _)| count).sum())
    }

    fn taken(&self) -> String {
        money(self.sales.iter().map(|(_, _, amount)| amount).sum())
    }

    fn troubles(&self) -> i64 {
        let troubles = self.lists.iter().filter(|list| list.is_trouble);
        troubles.map(|list| list.count).sum()
    }
}

fn shown(sales: &[(String, i64, i64)]) -> Vec<(&str, String, String)> {
    let lines = sales.iter();
    lines
        .map(|(package, times, amount)| (package.as_str(), count(*times), money(*amount)))
        .collect()
}

/// A line of the audit log.
pub struct AuditRow {
    /// When.
    pub at: Moment,
    /// Who.
    pub operator: String,
    /// What.
    pub action: String,
    /// To what.
    pub subject: String,
    /// The order's `ref`.
    pub order: Option<String>,
    /// What else they said.
    pub detail: String,
}

/// Who did what.
#[derive(Template)]
#[template(path = "console/audit.html")]
pub struct AuditPage {
    desk: Desk,
    operator: String,
    rows: Vec<AuditRow>,
    next: Option<String>,
}

impl AuditPage {
    /// A page of the log.
    pub fn new(desk: Desk, operator: String, rows: Vec<AuditRow>, next: Option<String>) -> Self {
        Self {
            desk,
            operator,
            rows,
            next,
        }
    }
}

/// Somebody who has or had a token.
pub struct Person {
    /// As in the audit log.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub since: String,
    /// Since when no longer.
    pub disabled: Option<String>,
}

impl Person {
    fn end_href(&self) -> String {
        let name: String = url::form_urlencoded::byte_serialize(self.name.as_bytes()).collect();
        format!("/operator/people/{name}/disable")
    }
}

/// Operators and their tokens.
#[derive(Template)]
#[template(path = "console/people.html")]
pub struct PeoplePage {
    desk: Desk,
    people: Vec<Person>,
    /// A name and its token, shown this once.
    fresh: Option<(String, String)>,
    fault: Option<String>,
}

impl PeoplePage {
    /// Everybody.
    pub fn new(desk: Desk, people: Vec<Person>) -> Self {
        Self {
            desk,
            people,
            fresh: None,
            fault: None,
        }
    }

    /// With a token that is shown this once.
    #[must_use]
    pub fn welcomed(self, name: String, token: String) -> Self {
        Self {
            fresh: Some((name, token)),
            ..self
        }
    }

    /// With what is at fault.
    #[must_use]
    pub fn refused(self, why: String) -> Self {
        Self {
            fault: Some(why),
            ..self
        }
    }
}
