//! What surrounds a page of the console.

use std::sync::Arc;

use askama::Template;
use chrono::{DateTime, SecondsFormat, Utc};

use super::acts::Act;
use super::{format, words};
use crate::domain::health::{Alert, Gravity};
use crate::domain::people::operator::Operator;
use crate::http::auth::Caller;
use crate::web::Shop;
use crate::web::assets::{self, Asset};

/// A part of the console, as the navigation has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Live,
    Orders,
    Deliveries,
    Letters,
    Report,
    Sales,
    Packages,
    Vouchers,
    People,
    Audit,
}

/// The navigation: names, and where each part begins.
#[rustfmt::skip] // A table is read by its columns.
static SECTIONS: [(Section, &str, &str); 10] = [
    (Section::Live, "Live", "/operator"),
    (Section::Orders, "Orders", "/operator/orders"),
    (Section::Deliveries, "Webhooks", "/operator/deliveries"),
    (Section::Letters, "Failed messages", "/operator/letters"),
    (Section::Report, "Reconciliation", "/operator/report"),
    (Section::Sales, "Sales", "/operator/sales"),
    (Section::Packages, "Packages", "/operator/packages"),
    (Section::Vouchers, "Vouchers", "/operator/vouchers"),
    (Section::People, "Operators", "/operator/people"),
    (Section::Audit, "Audit", "/operator/audit"),
];

impl Section {
    /// Where it begins.
    pub fn href(self) -> &'static str {
        let row = SECTIONS.iter().find(|(section, _, _)| *section == self);
        row.map_or("/operator", |(_, _, href)| *href)
    }
}

/// Who sits at a page, and whether all is well.
pub struct PageContext {
    pub shop: Arc<Shop>,
    pub operator: Operator,
    /// What each form repeats; empty for a visitor with a bearer token.
    pub csrf: String,
    pub here: Section,
    pub words: Words,
    /// What was just done, if something was.
    pub done: Option<&'static str>,
}

impl PageContext {
    /// The desk of this operator, in this part of the console.
    pub async fn of(caller: &Caller, here: Section) -> Self {
        let csrf = caller.visitor.csrf().map_or("", |csrf| csrf.expose());
        Self {
            shop: caller.api.shop.clone(),
            operator: caller.operator().clone(),
            csrf: csrf.to_owned(),
            here,
            words: words::now(&caller.api).await,
            // An address alone puts no words of its own on a page.
            done: match caller.parameter("done").as_str() {
                "package" => Some("The package is on sale."),
                word => Act::read(word).map(Act::done),
            },
        }
    }

    /// Where the one thing to read is whether all is well.
    pub fn is_live(&self) -> bool {
        self.here == Section::Live
    }

    /// Whether forms and buttons are shown at all.
    pub fn may_act(&self) -> bool {
        self.operator.role.may_write()
    }

    pub fn sections(&self) -> &'static [(Section, &'static str, &'static str)] {
        &SECTIONS
    }

    pub fn style(&self) -> &'static Asset {
        &assets::CONSOLE_STYLE
    }

    pub fn script(&self) -> &'static Asset {
        &assets::CONSOLE_SCRIPT
    }

    pub fn icon(&self) -> &'static Asset {
        &assets::ICON
    }

    /// RFC 3339 in UTC, for machines.
    pub fn iso(&self, at: &DateTime<Utc>) -> String {
        at.to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// `24 Nov 2026`, on the shop's clock.
    pub fn day(&self, at: &DateTime<Utc>) -> String {
        self.on_the_clock(at, "%-d %b %Y")
    }

    /// `23:59:59`, on the shop's clock.
    pub fn time(&self, at: &DateTime<Utc>) -> String {
        self.on_the_clock(at, "%H:%M:%S")
    }

    /// `.123`.
    pub fn fraction(&self, at: &DateTime<Utc>) -> String {
        self.on_the_clock(at, "%.3f")
    }

    /// `24 Nov 2026, 23:59`, on the shop's clock.
    pub fn until(&self, at: &DateTime<Utc>) -> String {
        format::until(*at, self.shop.timezone)
    }

    fn on_the_clock(&self, at: &DateTime<Utc>, form: &str) -> String {
        at.with_timezone(&self.shop.timezone)
            .format(form)
            .to_string()
    }
}

/// Whether all is well, in words. Also drawn alone, for a page that is open.
#[derive(Default, Template)]
#[template(path = "console/words.html")]
pub struct Words {
    /// What a person must look at, the worst first.
    pub alerts: Vec<Alert>,
    /// A restored database holds SMS and Disconnect-Requests back, and an admin must decide.
    pub is_outbox_held: bool,
}

impl Words {
    /// For style and script: `well`, `watch` or `wrong`.
    fn tone(&self) -> &'static str {
        self.alerts
            .first()
            .map_or("well", |alert| self.tone_of(alert))
    }

    fn tone_of(&self, alert: &Alert) -> &'static str {
        match alert.gravity {
            Gravity::Watch => "watch",
            Gravity::Wrong => "wrong",
        }
    }
}
