//! Messages that did not arrive.

use actix_web::HttpResponse;
use askama::Template;

use super::{PageContext, Section, shown};
use crate::domain::people::mask::Visibility;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::store::DeadLetter;

/// Messages of each kind that are shown.
const SHOWN: u64 = 100;

/// What did not arrive of one outbox.
struct Outbox {
    name: &'static str,
    count: u64,
    /// The newest of them.
    letters: Vec<DeadLetter>,
}

#[derive(Template)]
#[template(path = "console/letters.html")]
struct LettersPage {
    desk: PageContext,
    boxes: [Outbox; 2],
}

impl Outbox {
    fn rest(&self) -> u64 {
        self.count.saturating_sub(self.letters.len() as u64)
    }
}

/// What did not arrive, by outbox.
pub async fn show(caller: Caller) -> Result<HttpResponse, Problem> {
    let mut found = caller.api.store.dead_letters(SHOWN).await?;
    for letter in &mut found.sms {
        hide_phone(letter, caller.sight());
    }
    let boxes = [
        ("SMS to guests", found.sms_count, found.sms),
        (
            "Disconnects to routers",
            found.disconnects_count,
            found.disconnects,
        ),
    ];
    Ok(shown(&LettersPage {
        desk: PageContext::of(&caller, Section::Letters).await,
        boxes: boxes.map(|(name, count, letters)| Outbox {
            name,
            count,
            letters,
        }),
    }))
}

/// In lists phones are masked for everybody; what a provider answered may name one, too.
fn hide_phone(letter: &mut DeadLetter, sight: Visibility) {
    let digits = letter.to.get(letter.to.len().saturating_sub(9)..);
    if let (Some(digits), Some(error)) = (digits, &mut letter.last_error)
        && !digits.is_empty()
    {
        *error = error.replace(digits, &sight.phone(digits));
    }
    letter.to = Visibility::Masked.phone(&letter.to);
}
