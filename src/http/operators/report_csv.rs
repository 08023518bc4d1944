//! The daily report as CSV.
//!
//! # Invariants
//! References, status words and order ids of webhooks are external text, and so are operators' notes:
//! none of them starts a formula.

use chrono_tz::Tz;
use serde::Serialize;

use super::spreadsheet::{defuse, local};
use crate::domain::order::OrderId;
use crate::domain::people::Visibility;
use crate::store::{DailyReport, Listed, OrderLine, Total};

/// One line, whose fields are the columns. Numbers stay numbers, so that they can be summed.
#[derive(Default, Serialize)]
pub struct Row {
    section: String,
    at: String,
    #[serde(serialize_with = "defuse")]
    package: String,
    count: Option<i64>,
    amount: Option<i64>,
    paid_amount: Option<i64>,
    /// The `ref` and not the order id, because spreadsheets are passed on. An orphan's text that is
    /// no order id is written as it was sent, for admins only.
    #[serde(serialize_with = "defuse")]
    order: String,
    payment_status: &'static str,
    webhook_id: Option<i64>,
    #[serde(serialize_with = "defuse")]
    reference: String,
    #[serde(serialize_with = "defuse")]
    word: String,
    #[serde(serialize_with = "defuse")]
    note: String,
}

impl Row {
    fn total(list: &str, total: Total) -> Self {
        Self {
            section: format!("{list}_total"),
            count: Some(total.count),
            amount: Some(total.amount),
            ..Self::default()
        }
    }
}

/// The lists of orders: the section of a line, and the name of the list.
#[rustfmt::skip] // A table is read by its columns.
fn order_lists(
    report: &DailyReport,
) -> [(&'static str, &'static str, &Listed<OrderLine>); 10] {
    [
        ("refund", "refunds", &report.refunds),
        ("paid_not_fulfilled", "paid_not_fulfilled", &report.paid_not_fulfilled),
        ("fulfilled_not_confirmed", "fulfilled_not_confirmed", &report.fulfilled_not_confirmed),
        ("second_charge", "second_charges", &report.second_charges),
        ("paid_twice", "paid_twice", &report.paid_twice),
        ("underpaid", "underpaid", &report.underpaid),
        ("overpaid", "overpaid", &report.overpaid),
        ("disagreement", "disagreements", &report.disagreements),
        ("refused_voucher", "refused_vouchers", &report.refused_vouchers),
        ("held", "held", &report.held),
    ]
}

/// The lines of the sheet.
pub fn rows(report: &DailyReport, zone: Tz, visibility: Visibility) -> Vec<Row> {
    let mut rows = Vec::new();
    for (section, sales) in [("sales", &report.sales), ("cash_sales", &report.cash_sales)] {
        rows.extend(sales.iter().map(|line| Row {
            section: section.to_owned(),
            package: line.package_code.clone(),
            count: Some(line.count),
            amount: Some(line.amount),
            ..Row::default()
        }));
        rows.push(Row::total(section, Total::sold(sales)));
    }
    for (section, name, list) in order_lists(report) {
        rows.extend(list.lines.iter().map(|line| order_row(section, line, zone)));
        rows.push(Row::total(name, list.total));
    }
    rows.extend(report.orphans.lines.iter().map(|orphan| Row {
        section: "orphan".to_owned(),
        at: local(orphan.received_at, zone),
        amount: orphan.amount,
        order: order_name(orphan.order_id.as_deref().unwrap_or_default(), visibility),
        webhook_id: Some(orphan.id),
        reference: orphan.reference.clone().unwrap_or_default(),
        word: orphan.word.clone().unwrap_or_default(),
        ..Row::default()
    }));
    rows.push(Row::total("orphans", report.orphans.total));
    rows
}

fn order_row(section: &str, line: &OrderLine, zone: Tz) -> Row {
    Row {
        section: section.to_owned(),
        at: local(line.at, zone),
        package: line.package_code.clone(),
        amount: Some(line.amount),
        paid_amount: line.paid_amount,
        order: line.order_id.order_ref().to_string(),
        payment_status: line.status.as_str(),
        reference: line.reference.clone().unwrap_or_default(),
        note: line.note.clone().unwrap_or_default(),
        ..Row::default()
    }
}

/// The `ref` if the text is an order id. Any other text is external, so viewers do not see it.
fn order_name(text: &str, visibility: Visibility) -> String {
    match text.parse::<OrderId>() {
        Ok(order_id) => order_id.order_ref().to_string(),
        Err(_) => visibility.free_text(Some(text)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::http::operators::spreadsheet::written;

    #[test]
    fn a_cell_with_commas_quotes_and_line_breaks_stays_one_cell() {
        let line = OrderLine {
            at: DateTime::UNIX_EPOCH,
            order_id: "677e4327-4d7c-4b1e-9f00-0123456789ab".parse().unwrap(),
            status: crate::domain::order::Status::Held,
            package_code: "daily".into(),
            amount: 2_000,
            paid_amount: Some(1_500),
            reference: Some("=cmd|' /C calc'!A0".into()),
            note: Some("he said \"half\", and\nleft".into()),
        };
        let report = DailyReport {
            held: Listed {
                total: Total {
                    count: 1,
                    amount: 1_500,
                },
                lines: vec![line],
            },
            ..DailyReport::default()
        };

        let rows = rows(&report, chrono_tz::Africa::Dar_es_Salaam, Visibility::Whole);

        let text = String::from_utf8(written(rows).unwrap()).unwrap();
        let text = text.strip_prefix('\u{feff}').unwrap();
        let read: Vec<csv::StringRecord> = csv::Reader::from_reader(text.as_bytes())
            .records()
            .collect::<Result<_, _>>()
            .unwrap();
        let held = read.iter().find(|row| &row[0] == "held").unwrap();
        assert_eq!(&held[1], "1970-01-01 03:00:00");
        assert_eq!(&held[9], "'=cmd|' /C calc'!A0");
        assert_eq!(&held[11], "he said \"half\", and\nleft");
        let lines = text.split("\r\n").count();
        assert_eq!(
            lines,
            read.len() + 2,
            "the header, and an end after each line"
        );
    }
}
