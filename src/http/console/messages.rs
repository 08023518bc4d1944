//! SMS and Disconnect-Requests that did not arrive.

use askama::Template;

use super::{Caller, Page, PageContext, Section, shown};
use crate::domain::people::Visibility;
use crate::store::DeadLetter;

/// Messages of each outbox on the page.
const SHOWN: u64 = 100;

/// What did not arrive of one outbox.
struct Outbox {
    name: &'static str,
    count: u64,
    /// The newest of them.
    messages: Vec<DeadLetter>,
}

#[derive(Template)]
#[template(path = "console/messages.html")]
struct MessagesPage {
    context: PageContext,
    outboxes: [Outbox; 2],
}

impl Outbox {
    fn rest(&self) -> u64 {
        self.count.saturating_sub(self.messages.len() as u64)
    }
}

/// Failed messages by outbox.
pub async fn show(caller: Caller) -> Page {
    let mut found = caller.api.store.dead_letters(SHOWN).await?;
    for message in &mut found.sms {
        hide_phone(message, caller.visibility());
    }
    let sms = Outbox {
        name: "SMS to guests",
        count: found.sms_count,
        messages: found.sms,
    };
    let disconnects = Outbox {
        name: "Disconnects to routers",
        count: found.disconnects_count,
        messages: found.disconnects,
    };
    Ok(shown(&MessagesPage {
        context: PageContext::of(&caller, Section::Messages).await,
        outboxes: [sms, disconnects],
    }))
}

/// Lists mask phones for all operators; a provider's error may name one, too.
fn hide_phone(message: &mut DeadLetter, visibility: Visibility) {
    let digits = message.to.get(message.to.len().saturating_sub(9)..);
    if let (Some(digits), Some(error)) = (digits, &mut message.last_error)
        && !digits.is_empty()
    {
        *error = error.replace(digits, &visibility.phone(digits));
    }
    message.to = Visibility::Masked.phone(&message.to);
}
