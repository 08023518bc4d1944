//! What surrounds a page of the console.

use askama::Template;
use chrono_tz::Tz;

use crate::domain::health::{Alert, Gravity};
use crate::domain::people::operator::{Operator, Role};
use crate::web::assets::{self, Asset};
use crate::web::frame::Shop;

/// A part of the console, as the navigation has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The machinery as it runs.
    Live,
    /// Find an order.
    Orders,
    /// The journal.
    Deliveries,
    /// What did not arrive.
    Letters,
    /// A day, and what does not fit together.
    Report,
    /// What was sold.
    Sales,
    /// The price list.
    Packages,
    /// Printed for cash.
    Vouchers,
    /// Operators and their tokens.
    People,
    /// Who did what.
    Audit,
}

impl Section {
    /// In the order of the navigation.
    pub const ALL: [Self; 10] = [
        Self::Live,
        Self::Orders,
        Self::Deliveries,
        Self::Letters,
        Self::Report,
        Self::Sales,
        Self::Packages,
        Self::Vouchers,
        Self::People,
        Self::Audit,
    ];

    /// Its name, and where it begins.
    #[rustfmt::skip] // A table is read by its columns.
    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Live => ("Live", "/operator"),
            Self::Orders => ("Orders", "/operator/orders"),
            Self::Deliveries => ("Deliveries", "/operator/deliveries"),
            Self::Letters => ("Dead letters", "/operator/letters"),
            Self::Report => ("Truth", "/operator/report"),
            Self::Sales => ("Sales", "/operator/sales"),
            Self::Packages => ("Packages", "/operator/packages"),
            Self::Vouchers => ("Vouchers", "/operator/vouchers"),
            Self::People => ("Operators", "/operator/people"),
            Self::Audit => ("Audit", "/operator/audit"),
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// Where it begins.
    pub const fn href(self) -> &'static str {
        self.row().1
    }
}

/// Who sits at a page, and whether all is well.
#[derive(Clone)]
pub struct Desk {
    /// The shop's name.
    pub brand: String,
    /// No money moves, and every page says so.
    pub is_sandbox: bool,
    /// The shop's clock.
    pub timezone: Tz,
    /// Who looks.
    pub operator: Operator,
    /// What each form repeats; empty for a visitor with a bearer token.
    pub csrf: String,
    /// Where this page belongs.
    pub here: Section,
    /// What a person must look at.
    pub words: Words,
    /// What was just done, if something was.
    pub done: Option<&'static str>,
}

impl Desk {
    /// A desk in this shop.
    pub fn new(shop: &Shop, operator: Operator, csrf: String, here: Section, words: Words) -> Self {
        Self {
            brand: shop.brand.clone(),
            is_sandbox: shop.is_sandbox,
            timezone: shop.timezone,
            operator,
            csrf,
            here,
            words,
            done: None,
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

    /// The navigation, with what is the page's own.
    pub fn sections(&self) -> impl Iterator<Item = (Section, bool)> {
        let here = self.here;
        Section::ALL
            .into_iter()
            .map(move |section| (section, section == here))
    }

    /// As people say it.
    pub fn role(&self) -> &'static str {
        match self.operator.role {
            Role::Viewer => "viewer",
            Role::Admin => "admin",
        }
    }

    /// The style sheet of the console.
    pub fn style(&self) -> &'static Asset {
        &assets::CONSOLE_STYLE
    }

    /// The script of the console.
    pub fn script(&self) -> &'static Asset {
        &assets::CONSOLE_SCRIPT
    }

    /// The icon.
    pub fn icon(&self) -> &'static Asset {
        &assets::ICON
    }
}

/// Whether all is well, in words. Also drawn alone, for a page that is open.
#[derive(Clone, Template)]
#[template(path = "console/words.html")]
pub struct Words {
    /// What a person must look at, the worst first.
    pub alerts: Vec<Alert>,
    /// Restored books hold SMS and Disconnect-Requests back, and an admin must decide.
    pub is_outbox_held: bool,
}

impl Words {
    /// For style and script: `well`, `watch` or `wrong`.
    pub fn tone(&self) -> &'static str {
        match self.alerts.first().map(|alert| alert.gravity) {
            None => "well",
            Some(Gravity::Watch) => "watch",
            Some(Gravity::Wrong) => "wrong",
        }
    }

    fn tone_of(&self, alert: &Alert) -> &'static str {
        match alert.gravity {
            Gravity::Watch => "watch",
            Gravity::Wrong => "wrong",
        }
    }
}
