//! SMS and Disconnect-Requests that did not arrive.

use askama::Template;

use super::{Caller, Page, PageContext, Section, shown};
use crate::domain::people::Visibility;
use crate::store::FailedMessage;

/// Messages of each outbox on the page.
const SHOWN: u64 = 100;

#[derive(Template)]
#[template(path = "console/messages.html")]
struct MessagesPage {
    context: PageContext,
    /// For each outbox: its name, the number of failed messages, and the newest ones.
    outboxes: [(&'static str, u64, Vec<FailedMessage>); 2],
}

/// Failed messages by outbox.
pub async fn show(caller: Caller) -> Page {
    let mut found = caller.api.store.failed_messages(SHOWN).await?;
    for message in &mut found.sms {
        hide_phone(message);
    }
    let outboxes = [
        ("SMS to guests", found.sms_count, found.sms),
        (
            "Disconnects to routers",
            found.disconnects_count,
            found.disconnects,
        ),
    ];
    Ok(shown(&MessagesPage {
        context: PageContext::of(&caller, Section::Messages).await,
        outboxes,
    }))
}

/// Masks the phone, and its last nine digits in the provider's error: lists are masked for all
/// operators.
fn hide_phone(message: &mut FailedMessage) {
    let digits = message.to.get(message.to.len().saturating_sub(9)..);
    if let (Some(digits), Some(error)) = (digits, &mut message.last_error)
        && !digits.is_empty()
    {
        *error = error.replace(digits, &Visibility::Masked.phone(digits));
    }
    message.to = Visibility::Masked.phone(&message.to);
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_phone_is_masked_also_in_the_error_of_the_provider() {
        let mut message = FailedMessage {
            id: 1,
            kind: "voucher".to_owned(),
            order_id: None,
            to: "255712345678".to_owned(),
            is_dead: true,
            attempts: 3,
            last_error: Some("0712345678 and +255712345678 are blocked".to_owned()),
            created_at: DateTime::UNIX_EPOCH,
            due_at: DateTime::UNIX_EPOCH,
        };

        hide_phone(&mut message);

        let shown = format!("{} {}", message.to, message.last_error.unwrap());
        assert!(!shown.contains("712345678"), "{shown}");
    }
}
