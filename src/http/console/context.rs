//! What every page of the console has: the operator, the navigation, the status banner, and times in
//! the shop's zone.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};

use super::act::Act;
use super::banner::StatusBanner;
use super::{Caller, format};
use crate::domain::people::{Operator, Visibility};
use crate::http::operators::cursor;
use crate::web::{Shop, href};

/// A part of the console, as the navigation has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Live,
    Orders,
    Webhooks,
    Messages,
    Report,
    Sales,
    Packages,
    Vouchers,
    Sessions,
    Routers,
    Operators,
    Audit,
    Access,
}

/// The navigation: section, name, and path of its first page; in the order of the enum.
#[rustfmt::skip] // A table is read by its columns.
pub static SECTIONS: [(Section, &str, &str); 13] = [
    (Section::Live, "Live", "/operator"),
    (Section::Orders, "Orders", "/operator/orders"),
    (Section::Webhooks, "Webhooks", "/operator/deliveries"),
    (Section::Messages, "Failed messages", "/operator/letters"),
    (Section::Report, "Reconciliation", "/operator/report"),
    (Section::Sales, "Sales", "/operator/sales"),
    (Section::Packages, "Packages", "/operator/packages"),
    (Section::Vouchers, "Vouchers", "/operator/vouchers"),
    (Section::Sessions, "On-line", "/operator/sessions"),
    (Section::Routers, "Routers", "/operator/routers"),
    (Section::Operators, "Operators", "/operator/people"),
    (Section::Audit, "Audit", "/operator/audit"),
    (Section::Access, "My access", "/operator/access"),
];

impl Section {
    /// The path of its first page.
    pub fn href(self) -> &'static str {
        SECTIONS[self as usize].2
    }
}

/// What the layout needs besides the page itself.
pub struct PageContext {
    pub shop: Arc<Shop>,
    pub operator: Operator,
    /// The hidden field of each form; empty for a client with a bearer token.
    pub csrf: String,
    pub here: Section,
    pub banner: StatusBanner,
    /// A sentence about the action that led here, if there was one.
    pub done: Option<&'static str>,
}

impl PageContext {
    /// The context of a page for this operator.
    pub async fn of(caller: &Caller, here: Section) -> Self {
        let csrf = caller.visitor.csrf.as_ref();
        Self {
            shop: caller.api.shop.clone(),
            operator: caller.operator().clone(),
            csrf: csrf.map_or_else(String::new, |csrf| csrf.expose().to_owned()),
            here,
            banner: StatusBanner::of(&caller.api).await,
            // Only fixed sentences: a URL must not be able to put text on a page.
            done: match caller.parameter("done").as_str() {
                "package" => Some("The package is on sale."),
                "password" => Some("The password is set. All other sessions are ended."),
                "factor" => Some("A log-in with the password needs no code any more."),
                "token" => Some("The token is revoked, and its sessions are ended."),
                "session" => Some("The session is ended."),
                "sessions" => Some("All other sessions are ended."),
                word => Act::read(word).map(|act| act.text().done),
            },
        }
    }

    /// Whether forms and buttons are shown.
    pub fn may_act(&self) -> bool {
        self.operator.role.may_write()
    }

    /// How much of one order this operator sees.
    pub fn visibility(&self) -> Visibility {
        Visibility::of(self.operator.role)
    }

    /// RFC 3339 in UTC, for programs.
    pub fn iso(&self, at: &DateTime<Utc>) -> String {
        at.to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// `24 Nov 2026`, in the shop's zone.
    pub fn day(&self, at: &DateTime<Utc>) -> String {
        self.local(at, "%-d %b %Y")
    }

    /// `23:59:59`, in the shop's zone.
    pub fn time(&self, at: &DateTime<Utc>) -> String {
        self.local(at, "%H:%M:%S")
    }

    /// `.123`.
    pub fn fraction(&self, at: &DateTime<Utc>) -> String {
        self.local(at, "%.3f")
    }

    /// `24 Nov 2026, 23:59`, in the shop's zone.
    pub fn date_time(&self, at: &DateTime<Utc>) -> String {
        format::date_time(*at, self.shop.timezone)
    }

    fn local(&self, at: &DateTime<Utc>, form: &str) -> String {
        let local = at.with_timezone(&self.shop.timezone);
        local.format(form).to_string()
    }
}

/// The URL of the next page of a list, which begins below the row `before`.
pub fn next_page(
    section: Section,
    filters: &[(&str, &str)],
    before: Option<i64>,
) -> Option<String> {
    let cursor = cursor(before?);
    let parameters = [filters, &[("cursor", cursor.as_str())]].concat();
    Some(href(section.href(), &parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_section_has_its_row_in_the_navigation() {
        for (at, (section, _, _)) in SECTIONS.iter().enumerate() {
            assert_eq!(*section as usize, at);
        }
    }
}
