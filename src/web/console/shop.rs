//! What is for sale: the price list, and vouchers on paper.

use askama::Template;

use super::desk::Desk;
use super::format::{count, money};
use crate::domain::catalog::package::{Package, Validity};
use crate::domain::people::language::Language;
use crate::web::format as guest_format;
use crate::web::text::text;

/// A line of the price list.
pub struct PackageLine {
    /// What is sold.
    pub package: Package,
    /// Since when not.
    pub retired: Option<String>,
}

impl PackageLine {
    fn price(&self) -> String {
        money(self.package.price.0)
    }

    fn gives(&self) -> String {
        guest_format::terms(text(Language::English), &self.package.terms)
    }

    fn begins(&self) -> &'static str {
        match self.package.terms.validity {
            Validity::Purchase => "from the sale",
            Validity::FirstLogin => "from the first log-in",
        }
    }
}

/// What was typed for a new package.
#[derive(Clone, Debug, Default)]
pub struct PackageDraft {
    /// By the name of the field.
    pub fields: Vec<(&'static str, String)>,
}

impl PackageDraft {
    fn value(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(known, _)| *known == name);
        field.map_or("", |(_, value)| value.as_str())
    }
}

/// The price list, and how it is changed.
#[derive(Template)]
#[template(path = "console/packages.html")]
pub struct PackagesPage {
    desk: Desk,
    lines: Vec<PackageLine>,
    draft: PackageDraft,
    fault: Option<String>,
}

impl PackagesPage {
    /// The whole list.
    pub fn new(desk: Desk, lines: Vec<PackageLine>) -> Self {
        Self {
            desk,
            lines,
            draft: PackageDraft::default(),
            fault: None,
        }
    }

    /// With what was typed, and what is at fault.
    #[must_use]
    pub fn refused(self, draft: PackageDraft, why: String) -> Self {
        Self {
            draft,
            fault: Some(why),
            ..self
        }
    }
}

/// A batch of printed vouchers, in a list.
pub struct BatchLine {
    /// Its number.
    pub id: i64,
    /// The package's name.
    pub package: String,
    /// How many.
    pub count: i32,
    /// Of each.
    pub price: i64,
    /// Where they are sold.
    pub note: String,
    /// Who had it made.
    pub operator: String,
    /// When.
    pub at: String,
}

impl BatchLine {
    fn worth(&self) -> String {
        money(self.price.saturating_mul(i64::from(self.count)))
    }
}

/// Printed vouchers, and how more are made.
#[derive(Template)]
#[template(path = "console/vouchers.html")]
pub struct VouchersPage {
    desk: Desk,
    batches: Vec<BatchLine>,
    /// On sale: code and what is said of it.
    packages: Vec<(String, String)>,
    most: u16,
    fault: Option<String>,
}

impl VouchersPage {
    /// The newest batches, and what can be printed.
    pub fn new(desk: Desk, batches: Vec<BatchLine>, packages: &[Package], most: u16) -> Self {
        let packages = packages.iter().map(|package| {
            let name = package.terms.name(Language::English);
            let price = money(package.price.0);
            (package.terms.code.clone(), format!("{name}, {price}"))
        });
        Self {
            desk,
            batches,
            packages: packages.collect(),
            most,
            fault: None,
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

/// A voucher on paper.
pub struct Card {
    /// In two groups, as it is read aloud.
    pub code: [String; 2],
    /// What it gives.
    pub gives: String,
    /// It lets nobody in any more, and must not be sold.
    pub is_revoked: bool,
}

/// A batch, to be printed.
#[derive(Template)]
#[template(path = "console/sheet.html")]
pub struct SheetPage {
    desk: Desk,
    batch: BatchLine,
    cards: Vec<Card>,
}

impl SheetPage {
    /// All cards of a batch.
    pub fn new(desk: Desk, batch: BatchLine, cards: Vec<Card>) -> Self {
        Self { desk, batch, cards }
    }

    fn price(&self) -> String {
        format!("TSh {}", count(self.batch.price))
    }
}

/// How long a voucher lasts and for how many devices, in Swahili and English: on a card.
pub fn gives(minutes: i32, devices: i32) -> String {
    let one = |language| {
        let text = text(language);
        let lasts = guest_format::duration(text, minutes);
        let devices = guest_format::devices(text, devices);
        format!("{lasts}, {devices}")
    };
    let (swahili, english) = (one(Language::Swahili), one(Language::English));
    format!("{swahili} · {english}")
}
