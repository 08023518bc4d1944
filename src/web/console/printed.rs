//! A voucher on paper.

use askama::Template;

use super::acts::Act;
use super::desk::Desk;
use crate::domain::access::usage::State;

/// How a printed voucher stands, and what can be done.
#[derive(Template)]
#[template(path = "console/printed.html")]
pub struct PrintedPage {
    desk: Desk,
    id: i64,
    state: State,
    facts: Vec<(&'static str, String)>,
    acts: Vec<Act>,
    /// The batch, for those who may open its sheet.
    sheet: Option<i64>,
}

impl PrintedPage {
    /// As it is now.
    pub fn new(
        desk: Desk,
        id: i64,
        state: State,
        facts: Vec<(&'static str, String)>,
        acts: Vec<Act>,
        sheet: Option<i64>,
    ) -> Self {
        Self {
            desk,
            id,
            state,
            facts,
            acts,
            sheet,
        }
    }

    fn tone(&self) -> &'static str {
        match self.state {
            State::New => "open",
            State::Active => "good",
            State::Expired => "quiet",
            State::Revoked => "back",
        }
    }

    /// What the state means at the counter.
    fn meaning(&self) -> &'static str {
        match self.state {
            State::New => {
                "Nobody has logged in with it yet. It lets in whoever types the code, and its time has not begun."
            }
            State::Active => "It is in use. Its time runs, online or not, from the first login.",
            State::Expired => {
                "Its time is over, or its data used up. It lets nobody in any more: the guest needs another one."
            }
            State::Revoked => "It was taken back and lets nobody in. Do not sell it.",
        }
    }
}
