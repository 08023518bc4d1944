//! What is fuzzed, each with what must be true of whatever comes in. `fuzz_targets` hands these to
//! libFuzzer; `tests/fuzz` calls the very same on stable Rust, over `fuzz/corpus` and mutations.
//!
//! The rule that must not be broken: a target says what is right by means other than those of the
//! code that it tries, and fails when the code says otherwise; a panic is only the crudest fault.

use malipo::domain::order::evidence::{GatewayReport, Word};
use malipo::domain::order::ids::OrderId;
use malipo::domain::order::reported_amount::ReportedAmount;
use malipo::domain::people::phone::Phone;
use malipo::gateways::zenopay::wire::{
    Notification, StatusAnswer, Unreadable, WebhookBody, read_order_status, read_webhook,
};
use serde_json::Value;

/// The order that the corpus is about.
pub const ORDER: &str = "677e4327-4d7c-4b1e-9f00-0123456789ab";

/// Words that say "paid", as the contract lists them.
const PAID: [&str; 4] = ["COMPLETED", "SUCCESS", "SUCCESSFUL", "PAID"];

/// A delivery: read the same however it is wrapped, storable, paid only by a word for it, and
/// refused as soon as it names a second order.
pub fn webhook(body: &[u8]) {
    let told = read_webhook(body);
    let wrapped = [b"\xEF\xBB\xBF \r\n", body, b"\n"].concat();
    // Only one byte-order mark is none of the text.
    if !body.starts_with(b"\xEF\xBB\xBF") {
        assert_eq!(
            read_webhook(&wrapped),
            told,
            "wrapped, it says something else"
        );
    }
    let Ok(told) = told else { return };

    is_storable(&told.order_id, 128);
    // What is kept of the id is that id, and not what cleaning made of another text.
    let kept: Option<OrderId> = told.order_id.parse().ok();
    assert!(told.names.is_none() || told.names == kept);
    report_holds(&told.report);
    amount_is_as_sent(body, &told.report.amount);
    reads_back(&told);
    names_no_second_order(body);
}

/// Nothing that is there is read as absent, and nothing as another number than it is.
fn amount_is_as_sent(body: &[u8], read: &ReportedAmount) {
    let text = String::from_utf8_lossy(body);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text).trim();
    // A form is no JSON, and `1e400` is no number of this reader's.
    if let Ok(sent @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
        assert!(amount_fits(&sent["amount"], read), "another amount");
    }
}

fn amount_fits(sent: &Value, read: &ReportedAmount) -> bool {
    let is_blank = |text: &str| text.chars().all(|c| c.is_whitespace() || c.is_control());
    match read {
        ReportedAmount::Absent => sent.is_null() || sent.as_str().is_some_and(is_blank),
        ReportedAmount::Unreadable(_) => !sent.is_null() && !sent.as_str().is_some_and(is_blank),
        ReportedAmount::Whole(amount) => {
            let number = match sent {
                Value::Number(number) => number.as_f64(),
                Value::String(text) => {
                    let bare = |c: &char| !c.is_whitespace() && *c != ',';
                    text.chars().filter(bare).collect::<String>().parse().ok()
                }
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            };
            // Fifteen digits are exact.
            number.is_some() && number == amount.0.to_string().parse::<f64>().ok()
        }
    }
}

/// What is written of it in the documented form says the same again.
fn reads_back(told: &Notification) {
    let written = WebhookBody {
        order_id: told.order_id.clone(),
        payment_status: told.report.raw_word.clone(),
        reference: told.report.reference.clone(),
        metadata: Value::Null,
    };
    let body = serde_json::to_vec(&written).expect("strings can be written");
    let again = read_webhook(&body).expect("what we write is readable");
    assert_eq!(again.order_id, told.order_id);
    assert_eq!(again.report.raw_word, told.report.raw_word);
    assert_eq!(again.report.reference, told.report.reference);
}

/// Whoever can put a field into a body cannot put a second order into it.
fn names_no_second_order(body: &[u8]) {
    let Ok(text) = std::str::from_utf8(body) else {
        return;
    };
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text).trim();
    let second = match text.strip_prefix('{') {
        Some(fields) => format!(r#"{{"order_id":"{ORDER}",{fields}"#),
        None => format!("order_id={ORDER}&{text}"),
    };
    assert_eq!(read_webhook(second.as_bytes()), Err(Unreadable::Ambiguous));
}

/// What a guest types: read only if its digits are those of a Tanzanian mobile phone, and then
/// always to the same number.
pub fn phone(typed: &[u8]) {
    let Ok(typed) = std::str::from_utf8(typed) else {
        return;
    };
    let Ok(phone) = Phone::read(typed) else {
        return;
    };

    let number = phone.international();
    assert_eq!(number.len(), 12);
    assert!(number.starts_with("2556") || number.starts_with("2557"));
    assert!(number.bytes().all(|byte| byte.is_ascii_digit()));
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    assert!(
        digits.ends_with(&number[3..]),
        "these digits were not typed"
    );
    let prefix = &digits[..digits.len() - 9];
    assert!(
        ["", "0", "255", "2550", "00255"].contains(&prefix),
        "{prefix}"
    );
    assert!(
        typed
            .chars()
            .all(|c| c.is_ascii_digit() || c.is_whitespace() || "+-".contains(c)),
        "something else was typed too"
    );
    assert_eq!(Phone::read(number), Ok(phone.clone()));
    assert_eq!(Phone::read(&phone.national()), Ok(phone.clone()));
    assert!(
        !format!("{phone:?}").contains(&number[3..]),
        "a log would show it"
    );
}

/// An answer of order-status, the first two bytes being its HTTP status: known is only what a row
/// of our own order says, as any reader of JSON finds it.
pub fn order_status(answer: &[u8]) {
    let Some((status, body)) = answer.split_first_chunk::<2>() else {
        return;
    };
    // Mostly 200, so that what follows is looked at.
    let http_status = match u16::from_le_bytes(*status) {
        even if even % 2 == 0 => 200,
        odd => 100 + odd % 500,
    };
    let order_id: OrderId = ORDER.parse().expect("a UUID");

    let StatusAnswer::Known(report) = read_order_status(order_id, http_status, body) else {
        return;
    };
    report_holds(&report);
    assert!(
        (200..300).contains(&http_status),
        "believed with {http_status}"
    );
    let text = String::from_utf8_lossy(body);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text).trim();
    // Its reader builds everything, and gives up on depth; ours skips what it does not know.
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let says_so = |row: &Value| {
        let named = row["order_id"]
            .as_str()
            .and_then(|id| id.trim().parse().ok());
        let word = row["payment_status"].as_str().map(Word::read);
        let amount_fits = amount_fits(&row["amount"], &report.amount);
        named == Some(order_id) && word == Some(report.word) && amount_fits
    };
    let rows = value["data"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    assert!(rows.iter().any(says_so), "no row of our order says so");
}

fn report_holds(report: &GatewayReport) {
    is_storable(&report.raw_word, 64);
    let texts = [
        &report.currency,
        &report.reference,
        &report.transid,
        &report.channel,
    ];
    for text in texts.into_iter().flatten() {
        is_storable(text, 128);
    }
    let is_paid = PAID.contains(&report.raw_word.trim().to_ascii_uppercase().as_str());
    assert!(is_paid || report.word != Word::Paid, "paid by another word");
    match &report.amount {
        ReportedAmount::Absent => {}
        ReportedAmount::Whole(amount) => assert!(amount.0 >= 0, "a negative amount"),
        ReportedAmount::Unreadable(sent) => is_storable(sent, 60),
    }
}

/// Not empty, no longer than its column, and nothing that PostgreSQL refuses.
fn is_storable(text: &str, most: usize) {
    assert!(
        !text.is_empty() && text.chars().count() <= most,
        "{} characters",
        text.len()
    );
    assert!(!text.chars().any(char::is_control), "a control character");
}
