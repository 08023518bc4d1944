//! Sentences for the guest, Swahili first.

use crate::domain::language::Language;
use crate::domain::payment::Status;

/// What the guest is told, in one sentence.
pub fn status(status: Status, language: Language) -> &'static str {
    let (swahili, english) = match status {
        Status::Pending => (
            "Angalia simu yako, weka namba ya siri kuthibitisha malipo.",
            "Look at your phone and enter your PIN to confirm the payment.",
        ),
        Status::Completed => (
            "Malipo yamekamilika. Vocha yako iko tayari.",
            "Paid. Your voucher is ready.",
        ),
        Status::Failed => (
            "Malipo hayakufanikiwa. Unaweza kujaribu tena.",
            "The payment did not go through. You can try again.",
        ),
        Status::Cancelled => (
            "Malipo yameghairiwa. Unaweza kujaribu tena.",
            "The payment was cancelled. You can try again.",
        ),
        Status::Expired => (
            "Muda wa kulipa umeisha. Ukishalipa, vocha itakuja yenyewe.",
            "The time to pay is over. If you did pay, the voucher will still come.",
        ),
        Status::Held => (
            "Malipo yamepokelewa na yanakaguliwa na mhudumu.",
            "Your money is here and an operator is looking at it.",
        ),
        Status::Refunded => ("Pesa yako imerudishwa.", "Your money was paid back."),
    };
    language.pick(swahili, english)
}
