//! Sentences for the guest, in the words of the pages.

use crate::domain::language::Language;
use crate::domain::payment::Status;
use crate::web::text::text;

/// What the guest is told, in one sentence.
pub fn status(status: Status, language: Language) -> &'static str {
    let sentences = &text(language).status;
    match status {
        Status::Pending => &sentences.pending,
        Status::Completed => &sentences.completed,
        Status::Failed => &sentences.failed,
        Status::Cancelled => &sentences.cancelled,
        Status::Expired => &sentences.expired,
        Status::Held => &sentences.held,
        Status::Refunded => &sentences.refunded,
    }
}
