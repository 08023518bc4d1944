//! When there is no such page, or none now.

use askama::Template;

use super::frame::Frame;

/// What is the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No such order.
    NoOrder,
    /// No such page.
    NoPage,
    /// Later will be better: the page tries again by itself.
    Away,
    /// Our own failure.
    Internal,
}

/// Says what is the matter and what to do.
#[derive(Template)]
#[template(path = "trouble.html")]
pub struct TroublePage<'a> {
    frame: Frame<'a>,
    title: &'static str,
    lead: &'static str,
    /// Where trying again leads.
    again_href: Option<String>,
}

impl<'a> TroublePage<'a> {
    /// `href` is the page that could not be shown.
    pub fn new(frame: Frame<'a>, trouble: Trouble, href: &str) -> Self {
        let text = &frame.text.trouble;
        let (title, lead) = match trouble {
            Trouble::NoOrder => (&text.order_title, &text.order),
            Trouble::NoPage => (&text.page_title, &text.page),
            Trouble::Away => (&text.away_title, &text.away),
            Trouble::Internal => (&text.internal_title, &text.internal),
        };
        Self {
            again_href: (trouble == Trouble::Away).then(|| href.to_owned()),
            title,
            lead,
            frame,
        }
    }
}
