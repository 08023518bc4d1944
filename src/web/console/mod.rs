//! The operator's console: what it looks like. Who may see what, and what is looked up, is
//! settled in `http/console`.
//!
//! Nouns: a [`Desk`] is what surrounds a page of the console: who sits at it, and whether all is
//! well; an [`Act`] is what an operator may do by hand, always after a page that says in words
//! what will happen.
//!
//! The rule that must not be broken: every form carries the session's own token, and every text
//! is drawn by a template that escapes it.

mod act_page;
mod acts;
mod books;
mod deliveries;
mod desk;
mod format;
mod instruments;
mod live;
mod login;
mod orders;
mod printed;
mod sales;
mod shop;
mod trouble;

pub use act_page::{ActPage, Field, PRICE_MAX, Subject};
pub use acts::Act;
pub use books::{
    AuditPage, AuditRow, LetterBox, LetterLine, LettersPage, PeoplePage, Person, ReportLine,
    ReportList, ReportPage,
};
pub use deliveries::{DeliveriesPage, Delivery, DeliveryPage};
pub use desk::{Desk, Section, Words};
pub use format::{Moment, ago, count, millis, money, until};
pub use live::{Glance, LivePage};
pub use login::LoginPage;
pub use orders::{Action, Detail, FoundOrder, OrderPage, OrdersPage, Step};
pub use printed::PrintedPage;
pub use sales::{SalesPage, Sold, SoldDay};
pub use shop::{
    BatchLine, Card, PackageDraft, PackageLine, PackagesPage, SheetPage, VouchersPage, gives,
};
pub use trouble::ConsoleTroublePage;
