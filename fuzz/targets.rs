//! The fuzz targets, each with the properties that must hold for any input. `fuzz_targets` passes them
//! to libFuzzer; `tests/fuzz` calls them on stable Rust with `fuzz/corpus` and mutations of it.
//!
//! # Invariants
//! A target computes the expected result in another way than the code under test, and fails if they
//! differ. Detecting panics alone is not enough.

use malipo::domain::order::{GatewayReport, OrderId, ReportedAmount, ReportedStatus};
use malipo::domain::people::Phone;
use malipo::gateways::zenopay::wire::{
    Notification, StatusAnswer, Unreadable, WebhookBody, read_order_status, read_webhook,
};
use serde_json::Value;

/// The order in the corpus.
pub const ORDER: &str = "677e4327-4d7c-4b1e-9f00-0123456789ab";

/// The words of ZenoPay that mean "paid".
const PAID: [&str; 4] = ["COMPLETED", "SUCCESS", "SUCCESSFUL", "PAID"];

/// A webhook: white space around it changes nothing, its texts can be stored, only a word for "paid"
/// makes it paid, and a second order id makes it ambiguous.
pub fn webhook(body: &[u8]) {
    let parsed = read_webhook(body);
    let wrapped = [b"\xEF\xBB\xBF \r\n", body, b"\n"].concat();
    // The parser removes one byte-order mark.
    if !body.starts_with(b"\xEF\xBB\xBF") {
        assert_eq!(
            read_webhook(&wrapped),
            parsed,
            "parsed differently with white space around it"
        );
    }
    let Ok(notification) = parsed else { return };

    is_storable(&notification.raw_order_id, 128);
    // The id is valid as it was sent, and not only after control characters were removed.
    let stored: Option<OrderId> = notification.raw_order_id.parse().ok();
    assert!(notification.order_id.is_none() || notification.order_id == stored);
    report_holds(&notification.report);
    amount_is_as_sent(body, &notification.report.amount);
    round_trips(&notification);
    second_order_is_ambiguous(body);
}

/// A present amount is not parsed as absent, and no amount as another number.
fn amount_is_as_sent(body: &[u8], read: &ReportedAmount) {
    let text = String::from_utf8_lossy(body);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text).trim();
    // Skips forms, and numbers that serde_json rejects (`1e400`).
    if let Ok(sent @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
        assert!(amount_fits(&sent["amount"], read), "wrong amount");
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
            // An f64 represents fifteen digits exactly.
            number.is_some() && number == amount.0.to_string().parse::<f64>().ok()
        }
    }
}

/// A notification that is written in the documented form is parsed to the same values.
fn round_trips(notification: &Notification) {
    let written = WebhookBody {
        order_id: notification.raw_order_id.clone(),
        payment_status: notification.report.raw_word.clone(),
        reference: notification.report.reference.clone(),
        metadata: Value::Null,
    };
    let body = serde_json::to_vec(&written).expect("strings can be serialized");
    let again = read_webhook(&body).expect("the documented form can be parsed");
    assert_eq!(again.raw_order_id, notification.raw_order_id);
    assert_eq!(again.report.raw_word, notification.report.raw_word);
    assert_eq!(again.report.reference, notification.report.reference);
}

/// A second order id that is injected into a valid body makes it ambiguous.
fn second_order_is_ambiguous(body: &[u8]) {
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

/// A typed phone number: accepted only if its digits are those of a Tanzanian mobile phone, and always
/// parsed to the same number.
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
        "the digits differ from the input"
    );
    let prefix = &digits[..digits.len() - 9];
    assert!(
        ["", "0", "255", "2550", "00255"].contains(&prefix),
        "{prefix}"
    );
    assert!(
        typed
            .chars()
            .all(|c| c.is_ascii_digit() || c == '+' || !c.is_alphanumeric()),
        "the input has letters or other digits"
    );
    assert_eq!(Phone::read(number), Ok(phone.clone()));
    assert_eq!(Phone::read(&phone.national()), Ok(phone.clone()));
    assert!(
        !format!("{phone:?}").contains(&number[3..]),
        "Debug shows the number"
    );
}

/// An answer of order-status; the first two bytes are its HTTP status. The result is known only if a row
/// about our order has the same values according to serde_json.
pub fn order_status(answer: &[u8]) {
    let Some((status, body)) = answer.split_first_chunk::<2>() else {
        return;
    };
    // Mostly 200, because the body is parsed only then.
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
        "accepted with status {http_status}"
    );
    let text = String::from_utf8_lossy(body);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text).trim();
    // serde_json refuses deep nesting; our parser skips unknown members.
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let says_so = |row: &Value| {
        let named = row["order_id"]
            .as_str()
            .and_then(|id| id.trim().parse().ok());
        let word = row["payment_status"].as_str().map(ReportedStatus::read);
        let amount_fits = amount_fits(&row["amount"], &report.amount);
        named == Some(order_id) && word == Some(report.word) && amount_fits
    };
    let rows = value["data"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    assert!(rows.iter().any(says_so), "no row about our order says so");
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
    assert!(
        is_paid || report.word != ReportedStatus::Paid,
        "paid with another word"
    );
    match &report.amount {
        ReportedAmount::Absent => {}
        ReportedAmount::Whole(amount) => assert!(amount.0 >= 0, "a negative amount"),
        ReportedAmount::Unreadable(sent) => is_storable(sent, 60),
    }
}

/// Not empty, no longer than its column, and without control characters, which PostgreSQL may refuse.
fn is_storable(text: &str, most: usize) {
    assert!(
        !text.is_empty() && text.chars().count() <= most,
        "{} characters",
        text.len()
    );
    assert!(!text.chars().any(char::is_control), "a control character");
}
