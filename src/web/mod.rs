//! What people see: pages drawn on the server from compiled templates, with their texts and
//! assets embedded in the binary.
//!
//! Nouns: a *page* is a struct with a template; the [`Shop`] is what every page knows of the
//! shop; a [`Frame`] is what surrounds a page; a [`Visit`] is what a guest's URLs carry from
//! page to page, because captive mini-browsers forget everything else.
//!
//! # Invariants
//! This module only draws. It is handed nouns and gives HTML; which request gets which page is
//! settled in `http/pages`.

use askama::Template;

pub mod assets;
pub mod format;
mod frame;
mod handset;
mod order;
mod paid;
mod reissue;
mod shop_front;
mod state;
pub mod text;
mod trouble;
mod visit;

pub use frame::{Frame, Shop};
pub use handset::{HandsetPage, Past, Prompt, Switches};
pub use order::{LinkKind, Look, OrderPage};
pub use paid::{PaidAnswer, PaidPage};
pub use reissue::ReissuePage;
pub use shop_front::{Draft, Notice, ShopPage};
pub use state::StatePage;
pub use trouble::{ErrorPage, PageError};
pub use visit::Visit;

/// What a browser may do with our pages: load from us, send forms to us, and nothing else.
/// No inline script or style is allowed, so no text that slips through can become either.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// A page as HTML.
pub fn draw(page: &impl Template) -> String {
    page.render()
        .expect("a template writes into memory and calls nothing that fails")
}
