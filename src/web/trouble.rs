//! When there is no such page, or none now.

use askama::Template;

use super::frame::Frame;

/// What is the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageError {
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
pub struct ErrorPage<'a> {
    frame: Frame<'a>,
    title: &'static str,
    lead: &'static str,
    /// Where trying again leads.
    again_href: Option<String>,
}

impl<'a> ErrorPage<'a> {
    /// `href` is the page that could not be shown.
    pub fn new(frame: Frame<'a>, trouble: PageError, href: &str) -> Self {
        let text = &frame.text.trouble;
        let (title, lead) = match trouble {
            PageError::NoOrder => (&text.order_title, &text.order),
            PageError::NoPage => (&text.page_title, &text.page),
            PageError::Away => (&text.away_title, &text.away),
            PageError::Internal => (&text.internal_title, &text.internal),
        };
        Self {
            again_href: (trouble == PageError::Away).then(|| href.to_owned()),
            title,
            lead,
            frame,
        }
    }
}
