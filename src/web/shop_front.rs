//! Where a guest chooses a package and gives the phone that pays.

use askama::Template;

use super::format;
use super::frame::Frame;
use super::text::{Text, fill};
use crate::domain::catalog::admission::Refusal;
use crate::domain::catalog::money::Tzs;
use crate::domain::catalog::package::{Package, Validity};
use crate::domain::people::phone::Phone;

/// Packages, a phone, a button.
#[derive(Template)]
#[template(path = "shop.html")]
pub struct ShopPage<'a> {
    frame: Frame<'a>,
    cards: Vec<Card>,
    draft: Draft,
}

/// One package to choose.
struct Card {
    value: String,
    name: String,
    price: String,
    /// What the button then says.
    pay: String,
    details: String,
    is_chosen: bool,
}

/// What the guest has entered so far, and what stood in its way.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The package's code.
    pub package: Option<String>,
    /// As it was typed.
    pub phone: String,
    /// Names this attempt, so that pressing twice makes one order.
    pub key: String,
    /// Why there is no order yet.
    pub notice: Option<Notice>,
}

/// Why there is no order yet.
#[derive(Clone, Debug)]
pub struct Notice {
    /// In a few words.
    pub title: String,
    /// What to do.
    pub body: String,
    /// The entry that is at fault: `phone` or `package`.
    pub about: Option<&'static str>,
}

impl<'a> ShopPage<'a> {
    /// The shop with these packages.
    pub fn new(frame: Frame<'a>, packages: &[Package], draft: Draft) -> Self {
        let cards = packages
            .iter()
            .map(|package| card(frame.text, &frame, package, &draft))
            .collect();
        Self {
            cards,
            draft,
            frame,
        }
    }

    fn is_about(&self, entry: &str) -> bool {
        let notice = self.draft.notice.as_ref();
        notice.is_some_and(|notice| notice.about == Some(entry))
    }
}

fn card(text: &Text, frame: &Frame, package: &Package, draft: &Draft) -> Card {
    let price = format::money(text, package.price);
    let mut details = format::terms(text, &package.terms);
    if package.terms.validity == Validity::FirstLogin {
        details = format!("{details} · {}", text.shop.first_login);
    }
    Card {
        // With the price that the guest sees: ours counts, and a differing one is told.
        value: format!("{}:{}", package.terms.code, package.price),
        name: package.terms.name(frame.language).to_owned(),
        pay: fill(&text.shop.pay_price, &[("price", &price)]),
        price,
        details,
        is_chosen: draft.package.as_deref() == Some(&package.terms.code),
    }
}

impl Notice {
    fn new(title: &str, body: impl Into<String>) -> Self {
        Self {
            title: title.to_owned(),
            body: body.into(),
            about: None,
        }
    }

    fn about(self, entry: &'static str) -> Self {
        Self {
            about: Some(entry),
            ..self
        }
    }

    /// No package was chosen.
    pub fn package_missing(text: &Text) -> Self {
        Self::new(&text.notice.title, &text.notice.package_missing).about("package")
    }

    /// The package is no longer sold.
    pub fn package_gone(text: &Text) -> Self {
        Self::new(&text.notice.title, &text.notice.package_gone).about("package")
    }

    /// The number is no Tanzanian mobile number.
    pub fn phone_invalid(text: &Text) -> Self {
        Self::new(&text.notice.title, &text.notice.phone_invalid).about("phone")
    }

    /// The package costs something else by now.
    pub fn price_changed(text: &Text, package: &str, price: Tzs) -> Self {
        let price = format::money(text, price);
        let values = [("package", package), ("price", &price)];
        Self::new(&text.notice.price_title, fill(&text.notice.price, &values))
    }

    /// Not now.
    pub fn refused(text: &Text, refusal: Refusal, phone: &Phone) -> Self {
        let notice = &text.notice;
        match refusal {
            Refusal::PromptOpen { retry_after_secs } => {
                let wait = format::wait(text, retry_after_secs);
                let phone = format::masked(phone);
                let body = fill(&notice.prompt, &[("wait", &wait), ("phone", &phone)]);
                Self::new(&notice.prompt_title, body)
            }
            Refusal::RateLimited { retry_after_secs } => {
                let wait = format::wait(text, retry_after_secs);
                Self::new(&notice.limit_title, fill(&notice.limit, &[("wait", &wait)]))
            }
        }
    }

    /// Our own failure; pressing again is safe.
    pub fn busy(text: &Text) -> Self {
        Self::new(&text.notice.busy_title, &text.notice.busy)
    }

    /// Something about the form itself.
    pub fn again(text: &Text) -> Self {
        Self::new(&text.notice.title, &text.notice.again)
    }

    /// The code was replaced often enough today.
    pub fn enough_codes(text: &Text) -> Self {
        let notice = &text.notice;
        Self::new(&notice.enough_codes_title, &notice.enough_codes)
    }

    /// The voucher is over, so it has no new code.
    pub fn no_new_code(text: &Text) -> Self {
        let notice = &text.notice;
        Self::new(&notice.no_new_code_title, &notice.no_new_code)
    }

    /// No phone has a link that could replace a voucher.
    pub fn staff_replace_codes(text: &Text) -> Self {
        let notice = &text.notice;
        Self::new(&notice.staff_codes_title, &notice.staff_codes)
    }

    /// The router refused the code.
    pub fn router(text: &Text, error: &str) -> Self {
        let body = fill(&text.notice.router, &[("error", error)]);
        Self::new(&text.notice.router_title, body)
    }
}
