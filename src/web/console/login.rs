//! Where an operator comes in.

use askama::Template;

use crate::web::assets::{self, Asset};
use crate::web::frame::Shop;

/// Asks for the token.
#[derive(Template)]
#[template(path = "console/login.html")]
pub struct LoginPage<'a> {
    shop: &'a Shop,
    /// Where to go on.
    next: &'a str,
    /// Why it did not work, or what has just been done.
    notice: Option<String>,
    is_fault: bool,
}

impl<'a> LoginPage<'a> {
    /// For somebody who wanted to go to `next`.
    pub fn new(shop: &'a Shop, next: &'a str) -> Self {
        Self {
            shop,
            next,
            notice: None,
            is_fault: false,
        }
    }

    /// Says why it did not work.
    #[must_use]
    pub fn refused(self, why: String) -> Self {
        Self {
            notice: Some(why),
            is_fault: true,
            ..self
        }
    }

    /// Says what has just been done.
    #[must_use]
    pub fn noticed(self, what: &str) -> Self {
        Self {
            notice: Some(what.to_owned()),
            ..self
        }
    }

    fn style(&self) -> &'static Asset {
        &assets::CONSOLE_STYLE
    }

    fn icon(&self) -> &'static Asset {
        &assets::ICON
    }
}
