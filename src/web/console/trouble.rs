//! When there is no such page, or it is not for this operator, or not now.

use askama::Template;

use super::desk::Desk;

/// Says what is the matter.
#[derive(Template)]
#[template(path = "console/trouble.html")]
pub struct ConsoleTroublePage {
    desk: Desk,
    title: String,
    sentence: String,
}

impl ConsoleTroublePage {
    /// A page with this to say.
    pub fn new(desk: Desk, title: &str, sentence: &str) -> Self {
        Self {
            desk,
            title: title.to_owned(),
            sentence: sentence.to_owned(),
        }
    }
}
