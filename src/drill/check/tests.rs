use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::access::VoucherCode;
use crate::drill::{PollAnswer, Reply};
use crate::store::JournalLine;

const CODES: [&str; 2] = ["AAAA2222", "BBBB3333"];

fn code(text: &str) -> Option<VoucherCode> {
    Some(VoucherCode::from_stored(text.to_owned()))
}

fn order_id(number: usize) -> OrderId {
    OrderId(Uuid::from_u128(number as u128 + 1))
}

fn acknowledged(outcome: &str) -> Result<(u16, Value), String> {
    Ok((200, json!({"outcome": outcome})))
}

/// Two deliveries, the first of which sold.
fn sent() -> Vec<Sent> {
    let deliveries = [(0, "completed"), (1, "duplicate")];
    deliveries
        .map(|(mark, outcome)| Sent {
            mark,
            word: "COMPLETED",
            reply: Reply {
                answer: acknowledged(outcome),
                sent_again: 0,
                sent_at: Instant::now(),
                answered_in: Duration::from_millis(1),
            },
        })
        .into()
}

fn rows(number: usize) -> OrderRows {
    let line = |(mark, outcome): (u32, &str)| JournalLine {
        outcome: outcome.to_owned(),
        body: json!({
            "order_id": order_id(number).to_string(),
            "payment_status": "COMPLETED",
            "reference": null,
            "metadata": {"drill": mark},
        })
        .to_string()
        .into_bytes(),
    };
    OrderRows {
        invoices: vec![format!("INV-{number}")],
        vouchers: code(CODES[number]).into_iter().collect(),
        radius_users: 1,
        sms: 1,
        sms_with_code: 1,
        journal: [(0, "completed"), (1, "duplicate")].map(line).into(),
    }
}

/// Two orders without a fault.
fn correct() -> Collected {
    let played = |number| PlayedOrder {
        order_id: order_id(number),
        sent: sent(),
        polled: Some(PollAnswer {
            code: code(CODES[number]),
            at: Instant::now(),
            went_back: None,
        }),
    };
    let shown = |number| {
        let shown = Shown {
            status: "COMPLETED".to_owned(),
            version: 2,
            code: code(CODES[number]),
        };
        (order_id(number), shown)
    };
    Collected {
        played: vec![played(0), played(1)],
        shown: [shown(0), shown(1)].into(),
        rows: Some([0, 1].map(|number| (order_id(number), rows(number))).into()),
    }
}

/// The faults of the first order after a change, and of the second.
fn faults_after(change: impl FnOnce(&mut Collected)) -> [Vec<Fault>; 2] {
    let mut collected = correct();
    change(&mut collected);
    let violations = check(&collected);
    [0, 1].map(|number| {
        let of_order = violations
            .iter()
            .filter(|violation| violation.order_id == order_id(number));
        of_order.map(|violation| violation.fault.clone()).collect()
    })
}

/// The database's rows of the first order.
fn rows_of(collected: &mut Collected) -> &mut OrderRows {
    let rows = collected.rows.as_mut().unwrap();
    rows.get_mut(&order_id(0)).unwrap()
}

/// What the status page shows of the first order.
fn page_of(collected: &mut Collected) -> &mut Shown {
    collected.shown.get_mut(&order_id(0)).unwrap()
}

fn not_one(thing: Thing, count: usize) -> Fault {
    Fault::NotOne { thing, count }
}

#[test]
fn exactly_once_violates_nothing_with_the_database_and_without() {
    assert_eq!(check(&correct()), []);
    assert_eq!(faults_after(|it| it.rows = None), [[], []]);
}

#[test]
fn a_poll_that_was_never_answered_is_found() {
    let faults = faults_after(|it| it.played[0].polled = None);

    assert_eq!(faults, [vec![Fault::NeverNotified], vec![]]);
}

#[test]
#[rustfmt::skip]
fn each_fault_is_found_at_its_order_and_named() {
    type Case = (fn(&mut Collected), Fault);
    let cases: [Case; 23] = [
        (|it| rows_of(it).invoices.clear(), not_one(Thing::Invoice, 0)),
        (|it| rows_of(it).invoices.push("INV-9".to_owned()), not_one(Thing::Invoice, 2)),
        (|it| rows_of(it).vouchers.clear(), not_one(Thing::Voucher, 0)),
        (|it| rows_of(it).vouchers.extend(code("CCCC4444")), not_one(Thing::Voucher, 2)),
        (|it| rows_of(it).radius_users = 0, not_one(Thing::RadiusUser, 0)),
        (|it| rows_of(it).radius_users = 2, not_one(Thing::RadiusUser, 2)),
        (|it| (rows_of(it).sms, rows_of(it).sms_with_code) = (0, 0), not_one(Thing::Sms, 0)),
        (|it| (rows_of(it).sms, rows_of(it).sms_with_code) = (2, 2), not_one(Thing::Sms, 2)),
        (|it| rows_of(it).sms_with_code = 0, Fault::SmsWithoutCode),
        (|it| rows_of(it).journal[1].outcome = SOLD.to_owned(), not_one(Thing::WinningWebhook, 2)),
        (|it| rows_of(it).journal[0].outcome = "duplicate".to_owned(), not_one(Thing::WinningWebhook, 0)),
        (|it| drop(rows_of(it).journal.pop()), Fault::NotJournalled(1)),
        (|it| drop(it.rows.as_mut().unwrap().remove(&order_id(0))), Fault::NotInDatabase),
        (|it| it.played[0].sent[1].reply.answer = acknowledged(SOLD), Fault::SoldTwice(2)),
        (|it| it.played[0].sent[1].reply.answer = Err("503".to_owned()), Fault::NeverAcknowledged("COMPLETED")),
        (|it| it.played[0].sent[1].reply.answer = Ok((401, json!({"code": "no"}))),
         Fault::Refused { word: "COMPLETED", status: 401, code: "no".to_owned() }),
        (|it| drop(it.shown.remove(&order_id(0))), Fault::NotShown),
        (|it| page_of(it).status = "FAILED".to_owned(), Fault::NotSold("FAILED".to_owned())),
        (|it| page_of(it).code = code("CCCC4444"), Fault::ShownOtherThanStored),
        (|it| page_of(it).code = None, Fault::ShownWithoutCode),
        (|it| it.played[0].polled.as_mut().unwrap().code = code("CCCC4444"), Fault::PolledOtherThanShown),
        (|it| it.played[0].polled.as_mut().unwrap().code = None, Fault::PolledWithoutCode),
        (|it| it.played[0].polled.as_mut().unwrap().went_back = Some((3, 1)), Fault::WentBack(3, 1)),
    ];
    for (change, fault) in cases {
        let [of_first, of_second] = faults_after(change);

        assert!(of_first.contains(&fault), "{fault:?} not in {of_first:?}");
        assert_eq!(of_second, [], "{fault:?}");
    }
}

#[test]
fn a_delivery_that_was_answered_503_may_be_in_the_journal_or_not() {
    let faults = faults_after(|it| {
        it.played[0].sent[1].reply.sent_again = 3;
        let line = rows_of(it).journal[1].clone();
        rows_of(it).journal.push(line);
    });

    assert_eq!(faults, [[], []]);
}

#[test]
fn a_code_and_an_invoice_number_belong_to_one_order_alone() {
    let sharing = faults_after(|it| rows_of(it).invoices = vec!["INV-1".to_owned()]);
    let with = |number| Fault::SharesInvoiceNumber(order_id(number));
    assert_eq!(sharing, [vec![with(1)], vec![with(0)]]);

    let same_code = |it: &mut Collected| {
        it.rows = None;
        page_of(it).code = code(CODES[1]);
        it.played[0].polled.as_mut().unwrap().code = code(CODES[1]);
    };
    let with = |number| Fault::SharesCode(order_id(number));
    assert_eq!(faults_after(same_code), [vec![with(1)], vec![with(0)]]);
}
