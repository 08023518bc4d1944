//! The whole timeline of one order, word for word, for admins and for viewers.

use chrono::TimeDelta;
use chrono_tz::Africa::Dar_es_Salaam;

mod story;

use super::*;
use crate::domain::order::Status;
use crate::domain::order::decide_table::order;

use story::{MINUTE, at, disconnect, full, text};

fn told(story: &OrderHistory, visibility: Visibility) -> Vec<String> {
    narrate(story, visibility, at(1_000 * MINUTE), &Dar_es_Salaam)
        .iter()
        .map(|line| {
            let after = line.after_ms.map_or("-".to_owned(), |ms| ms.to_string());
            let id = line.id.map_or(String::new(), |id| format!(" #{id}"));
            format!("{after} {}{id}: {}", line.kind, line.summary)
        })
        .collect()
}

#[test]
fn an_admin_reads_the_whole_timeline() {
    assert_eq!(
        told(&full(), Visibility::Whole),
        [
            "- created: 255712345678 orders daily for 2000 TZS",
            "10 push: ZenoPay is asked to ring the phone: accepted, HTTP 200 in 43 ms",
            "1990 delivery #3: webhook says COMPLETED, 1500 TZS, proven by key: held in 1.2 ms",
            "1 alert: paid 500 TZS less than the price",
            "1999 operator: asha: release order (0712345678 showed AAAAAAAA)",
            "0 commit: sold: voucher AAAAAAAA, until 2 Jan 1970, 03:00 EAT; invoice INV-1",
            "0 radius: RADIUS user AAAAAAAA is written, group daily",
            "0 sms #7: SMS voucher to 255712345678 is queued",
            "1 note: released: 0712345678 paid 1500 TZS for AAAAAAAA",
            "499 sms #7: SMS voucher is accepted by beem, state sent",
            "100 sms #7: SMS voucher has arrived: DELIVRD to 0712345678",
            "400 delivery #4: replay cannot be read, without proof: malformed in 1.2 ms",
            "64990 gateway_call: status check: COMPLETED (paid by 255744000001), no answer in 43 ms",
            "10 confirmed: ZenoPay confirms the payment itself",
            "530000 session: device AA-BB is online through 10.0.0.1",
            "3600000 session: device AA-BB is offline after 60 min, 250.0 MB down, 1.5 MB up (User-Request)",
            "1200000 revoked: voucher AAAAAAAA is revoked (refunded); its RADIUS user is gone",
            "0 disconnect: a request to end the session is queued for router 10.0.0.1 (refunded)",
            "40 disconnect: router 10.0.0.1 has ended the session: acknowledged",
        ]
    );
}

#[test]
fn a_viewer_reads_the_same_timeline_without_phones_and_codes() {
    let (whole, masked) = (
        told(&full(), Visibility::Whole),
        told(&full(), Visibility::Masked),
    );

    let text = masked.join("\n");
    assert_eq!(masked.len(), whole.len());
    // SmsRecord that an operator typed is shown only to admins.
    for secret in ["712345678", "744000001", "AAAAAAAA", "showed"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(text.contains("created: 2557*****678 orders"), "{text}");
    assert!(
        text.contains("released: 07*****678 paid 1500 TZS for AA******"),
        "{text}"
    );
    assert!(text.contains("operator: asha: release order\n"), "{text}");
    assert!(text.contains("paid by 2557*****001"), "{text}");
}

#[test]
fn an_unpaid_order_has_a_short_timeline() {
    let mut story = full();
    story.payment = order(Status::Expired);
    story.payment.gateway_confirmed_at = None;
    (story.calls, story.deliveries, story.texts) = (Vec::new(), Vec::new(), Vec::new());
    (story.sessions, story.disconnects) = (Vec::new(), Vec::new());
    (story.remarks, story.acts, story.is_cut) = (Vec::new(), Vec::new(), true);

    assert_eq!(
        told(&story, Visibility::Whole),
        [
            "- created: 255712345678 orders daily for 2000 TZS",
            "0 note: incomplete: only the newest entries of each kind are shown",
            "300000 deadline: not paid in time; status checks continue",
        ]
    );
}

#[test]
fn only_orders_past_their_deadline_have_a_deadline_line() {
    let deadlines = |status, confirmed_at: Option<DateTime<Utc>>, now| {
        let mut story = full();
        story.payment = order(status);
        story.payment.confirmed_at = confirmed_at;
        let lines = narrate(&story, Visibility::Whole, now, &Dar_es_Salaam);
        lines.iter().filter(|line| line.kind == "deadline").count()
    };
    let deadline = order(Status::Pending).deadline_at;
    let later = deadline + TimeDelta::milliseconds(1);

    assert_eq!(deadlines(Status::Expired, None, deadline), 1);
    assert_eq!(deadlines(Status::Expired, None, at(0)), 0);
    assert_eq!(deadlines(Status::Failed, None, later), 0);
    assert_eq!(deadlines(Status::Completed, Some(deadline), later), 0);
    assert_eq!(deadlines(Status::Completed, Some(later), later), 1);
}

#[test]
fn each_fault_is_an_alert() {
    let mut story = full();
    story.payment = order(Status::Completed);
    story.texts = vec![text(None, Some("no credit for 0712345678"))];
    story.disconnects = vec![disconnect(None)];
    story.texts[0].receipt = Some(Receipt {
        at: at(9_000),
        is_delivered: false,
        detail: None,
    });
    let missing = told(&story, Visibility::Masked).join("\n");

    story.radius = 3;
    let well = told(&story, Visibility::Masked).join("\n");
    story.payment = order(Status::Refunded);
    story.payment.voucher.as_mut().unwrap().revoked_at = Some(at(90 * MINUTE));
    let lets_in = told(&story, Visibility::Masked).join("\n");

    assert!(
        missing.contains("alert: RADIUS user AA****** is missing: the voucher cannot log in"),
        "{missing}"
    );
    assert!(
        well.contains("radius: RADIUS user AA****** is written"),
        "{well}"
    );
    assert!(
        well.contains("voucher AA******, from its first login"),
        "{well}"
    );
    assert!(
        well.contains("is queued; failed after 2 attempts: no credit for 07*****678"),
        "{well}"
    );
    assert!(
        well.contains(
            "alert: router 10.0.0.1 does not end the session: dead after 5 attempts, no answer"
        ),
        "{well}"
    );
    assert!(
        lets_in.contains(
            "alert: voucher AA****** is revoked (refunded); but 3 RADIUS rows still let it in"
        ),
        "{lets_in}"
    );
}

#[test]
fn durations_below_ten_milliseconds_have_one_decimal() {
    assert_eq!(
        [0.04, 1.26, 9.99, 10.4, 1_234.5].map(millis),
        ["0.0 ms", "1.3 ms", "10.0 ms", "10 ms", "1234 ms"]
    );
}

#[test]
fn data_is_shown_in_megabytes() {
    assert_eq!(
        [0, 49_999, 50_000, 1_540_000].map(guest::megabytes),
        ["0.0", "0.0", "0.1", "1.5"]
    );
}
