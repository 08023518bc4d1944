//! The page before a voucher's code is replaced: what will happen, and whether it is to happen.

use askama::Template;
use chrono::{DateTime, Utc};

use super::frame::Frame;
use super::order::{LinkKind, is_usable};
use crate::domain::access::OwnerToken;
use crate::domain::order::payment::Payment;

/// Asks for confirmation.
#[derive(Template)]
#[template(path = "reissue.html")]
pub struct ReissuePage<'a> {
    frame: Frame<'a>,
    package: String,
    action: String,
    /// The version that the owner sees, so that pressing twice is one new code.
    seen: i32,
    back_href: String,
}

impl<'a> ReissuePage<'a> {
    /// The page; `None` if the voucher is over or closed, so that there is nothing to ask.
    pub fn new(
        frame: Frame<'a>,
        payment: &Payment,
        token: &OwnerToken,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let home = LinkKind::OwnerLink(token).path(payment);
        is_usable(payment, now).then(|| Self {
            package: payment.terms.name(frame.language).to_owned(),
            action: frame.link(&format!("{home}/reissue")),
            back_href: frame.link(&home),
            seen: payment.version,
            frame,
        })
    }
}
