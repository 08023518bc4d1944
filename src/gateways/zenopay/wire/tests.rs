//! Every body that ZenoPay documents or the field has seen, from `tests/fixtures/zenopay`. A
//! file's name says what must come of it, so a new file is a new test.

use std::{fs, path::Path};

use super::{StatusAnswer, read_order_status, read_webhook};
use crate::domain::catalog::Tzs;
use crate::domain::order::{GatewayReport, OrderId, ReportedAmount, ReportedStatus};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/zenopay");

pub(in crate::gateways::zenopay) const ORDER: &str = "677e4327-4d7c-4b1e-9f00-0123456789ab";

pub(in crate::gateways::zenopay) fn order_id() -> OrderId {
    ORDER.parse().unwrap()
}

/// File names and bodies, with our order and its price put in.
pub(in crate::gateways::zenopay) fn fixtures() -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(Path::new(FOLDER))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != "README.md")
        .map(|entry| {
            let body = fs::read_to_string(entry.path()).unwrap();
            let body = body.replace("ORDER", ORDER).replace("AMOUNT", "2000");
            (entry.file_name().into_string().unwrap(), body.into_bytes())
        })
        .collect();
    found.sort();
    found
}

/// What the name of a fixture says: how many of the seven kinds there are is checked below.
fn check(name: &str, body: &[u8]) -> &'static str {
    let webhook = || read_webhook(body).unwrap_or_else(|why| panic!("{name}: {why}"));
    let status = || read_order_status(order_id(), 200, body);
    let kind = |kind: &'static str| name.starts_with(kind).then_some(kind);

    if let Some(kind) = kind("completed-") {
        check_paid(name, &webhook().report);
        assert_eq!(webhook().raw_order_id, ORDER, "{name}");
        kind
    } else if let Some(kind) = kind("failed-") {
        let word = webhook().report.word;
        assert!(
            matches!(word, ReportedStatus::Failed | ReportedStatus::Cancelled),
            "{name}"
        );
        kind
    } else if let Some(kind) = kind("pending-") {
        let word = webhook().report.word;
        assert!(
            matches!(word, ReportedStatus::InProgress | ReportedStatus::Unknown),
            "{name}"
        );
        kind
    } else if let Some(kind) = kind("malformed-") {
        assert!(read_webhook(body).is_err(), "{name}");
        kind
    } else if let Some(kind) = kind("status-completed") {
        match status() {
            StatusAnswer::Known(report) => check_paid(name, &report),
            StatusAnswer::Unknown(why) => panic!("{name}: {why}"),
        }
        kind
    } else if let Some(kind) = kind("status-pending") {
        let known =
            matches!(status(), StatusAnswer::Known(r) if r.word == ReportedStatus::InProgress);
        assert!(known, "{name}");
        kind
    } else if let Some(kind) = kind("status-") {
        assert!(matches!(status(), StatusAnswer::Unknown(_)), "{name}");
        kind
    } else {
        panic!("{name}: the name does not say what must come of it")
    }
}

fn check_paid(name: &str, report: &GatewayReport) {
    assert_eq!(report.word, ReportedStatus::Paid, "{name}");
    let fits = matches!(
        report.amount,
        ReportedAmount::Absent | ReportedAmount::Whole(Tzs(2000))
    );
    assert!(fits, "{name}");
    assert!(
        matches!(report.currency.as_deref(), None | Some("TZS")),
        "{name}"
    );
}

#[test]
fn each_body_that_was_ever_seen_means_what_its_name_says() {
    let mut kinds: Vec<_> = fixtures()
        .iter()
        .map(|(name, body)| check(name, body))
        .collect();

    kinds.dedup();
    assert_eq!(kinds.len(), 7, "a kind of fixture is missing: {kinds:?}");
}

#[test]
fn a_byte_order_mark_and_blanks_around_the_body_change_nothing() {
    for (name, body) in fixtures() {
        check(&name, &[b"\xEF\xBB\xBF", body.as_slice()].concat());
        check(&name, &[b"\r\n ", body.as_slice(), b"\n\n"].concat());
    }
}
