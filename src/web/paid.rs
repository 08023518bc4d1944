//! For a guest who has paid and has no voucher.

use askama::Template;

use super::frame::Frame;
use super::shop_front::Notice;

/// A phone, a button, and an answer that is the same for every phone.
#[derive(Template)]
#[template(path = "paid.html")]
pub struct PaidPage<'a> {
    frame: Frame<'a>,
    answer: PaidAnswer,
    phone: String,
}

/// What the page says.
pub enum PaidAnswer {
    /// Nothing was asked yet.
    Ask,
    /// Whether anything was found is told to the phone alone.
    Done,
    /// What stands in the way.
    Fault(Notice),
}

impl<'a> PaidPage<'a> {
    /// The page, with the phone as it was typed.
    pub fn new(frame: Frame<'a>, answer: PaidAnswer, phone: String) -> Self {
        Self {
            frame,
            answer,
            phone,
        }
    }
}
