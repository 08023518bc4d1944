//! The verdict: finds in what was collected everything that is not exactly once.
//!
//! # Invariants
//! [`check`] is pure. It fetches nothing, so the same run can be checked again after the database
//! was changed by hand.

use std::collections::{HashMap, HashSet};

use super::collected::{COMPLETED, Collected, PlayedOrder, SOLD, Sent, Shown};
use super::fault::{Fault, Thing, Violation};
use super::play::mark_of;
use crate::domain::access::VoucherCode;
use crate::domain::order::OrderId;
use crate::store::OrderRows;

/// Finds every fault, in the order in which the orders were played.
pub fn check(collected: &Collected) -> Vec<Violation> {
    let shown_of = |order: &PlayedOrder| collected.shown.get(&order.order_id);
    let rows_of = |order: &PlayedOrder| collected.rows.as_ref()?.get(&order.order_id);
    let same_code = with_another(&collected.played, |order| {
        let stored = rows_of(order).into_iter().flat_map(|rows| &rows.vouchers);
        let codes = stored.chain(shown_of(order).and_then(|shown| shown.code.as_ref()));
        codes.map(VoucherCode::as_str).collect()
    });
    let same_number = with_another(&collected.played, |order| {
        let stored = rows_of(order).into_iter().flat_map(|rows| &rows.invoices);
        stored.map(String::as_str).collect()
    });

    let mut violations = Vec::new();
    for order in &collected.played {
        let order_id = order.order_id;
        let shown = shown_of(order);
        let mut faults = answers(order);
        faults.extend(page(shown));
        faults.extend(poll(order, shown));
        if collected.rows.is_some() {
            match rows_of(order) {
                Some(rows) => faults.extend(database(order, shown, rows)),
                None => faults.push(Fault::NotInDatabase),
            }
        }
        let (code, number) = (same_code.get(&order_id), same_number.get(&order_id));
        faults.extend(code.copied().map(Fault::SharesCode));
        faults.extend(number.copied().map(Fault::SharesInvoiceNumber));
        let of_order = faults.into_iter();
        violations.extend(of_order.map(|fault| Violation { order_id, fault }));
    }
    violations
}

/// What the server answered to each delivery.
fn answers(order: &PlayedOrder) -> Vec<Fault> {
    let fault = |Sent { word, reply, .. }: &Sent| match &reply.answer {
        Ok((200, _)) => None,
        Ok((status, document)) => Some(Fault::Refused {
            word,
            status: *status,
            code: document["code"].as_str().unwrap_or_default().to_owned(),
        }),
        Err(_) => Some(Fault::NeverAcknowledged(word)),
    };
    let mut faults: Vec<_> = order.sent.iter().filter_map(fault).collect();
    let times = order.sent.iter().filter(|sent| sent.is_sale()).count();
    if times > 1 {
        faults.push(Fault::SoldTwice(times));
    }
    faults
}

/// What the status page shows.
fn page(shown: Option<&Shown>) -> Option<Fault> {
    match shown {
        None => Some(Fault::NotShown),
        Some(shown) if shown.status != COMPLETED => Some(Fault::NotSold(shown.status.clone())),
        Some(shown) if shown.code.is_none() => Some(Fault::ShownWithoutCode),
        Some(_) => None,
    }
}

/// What the guest who waited was shown.
fn poll(order: &PlayedOrder, shown: Option<&Shown>) -> Vec<Fault> {
    let Some(polled) = &order.polled else {
        return vec![Fault::NeverNotified];
    };
    let went_back = polled.went_back.map(|(from, to)| Fault::WentBack(from, to));
    let code_shown = shown.and_then(|shown| shown.code.as_ref());
    let code = match &polled.code {
        None => Some(Fault::PolledWithoutCode),
        polled => differ(polled.as_ref(), code_shown).then_some(Fault::PolledOtherThanShown),
    };
    went_back.into_iter().chain(code).collect()
}

/// The rows that the sale has written.
fn database(order: &PlayedOrder, shown: Option<&Shown>, rows: &OrderRows) -> Vec<Fault> {
    let winners = rows.journal.iter().filter(|line| line.outcome == SOLD);
    let stored = rows.vouchers.first();
    let counts = [
        (Thing::Invoice, rows.invoices.len()),
        (Thing::Voucher, rows.vouchers.len()),
        (Thing::Sms, rows.sms),
        (Thing::WinningWebhook, winners.count()),
        (Thing::RadiusUser, rows.radius_users),
    ];
    // Without a voucher there is no name by which a RADIUS user could be found.
    let can_be_counted = |thing| stored.is_some() || thing != Thing::RadiusUser;
    let mut faults: Vec<Fault> = counts
        .into_iter()
        .filter(|(thing, count)| *count != 1 && can_be_counted(*thing))
        .map(|(thing, count)| Fault::NotOne { thing, count })
        .collect();

    let code_shown = shown.and_then(|shown| shown.code.as_ref());
    let polled = order.polled.as_ref();
    let code_polled = polled.and_then(|polled| polled.code.as_ref());
    faults.extend(differ(code_shown, stored).then_some(Fault::ShownOtherThanStored));
    faults.extend(differ(code_polled, stored).then_some(Fault::PolledOtherThanStored));
    let lacks_code = stored.is_some() && rows.sms_with_code < rows.sms;
    faults.extend(lacks_code.then_some(Fault::SmsWithoutCode));
    faults.extend(journal(order, rows));
    faults
}

/// Every delivery that was acknowledged is in the journal. There may be more: a delivery that was
/// answered 503 can be in it too.
fn journal(order: &PlayedOrder, rows: &OrderRows) -> Option<Fault> {
    let lines = rows.journal.iter();
    let kept: HashSet<u32> = lines.filter_map(|line| mark_of(&line.body)).collect();
    let is_missing = |sent: &&Sent| sent.is_acknowledged() && !kept.contains(&sent.mark);
    let missing = order.sent.iter().filter(is_missing).count();
    (missing > 0).then_some(Fault::NotJournalled(missing))
}

fn differ(one: Option<&VoucherCode>, other: Option<&VoucherCode>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

/// For each order that has a text in common with another order, such another order.
fn with_another<'a>(
    orders: &'a [PlayedOrder],
    texts: impl Fn(&'a PlayedOrder) -> Vec<&'a str>,
) -> HashMap<OrderId, OrderId> {
    let mut first = HashMap::new();
    let mut sharing = HashMap::new();
    for order in orders {
        for text in texts(order) {
            let owner = *first.entry(text).or_insert(order.order_id);
            if owner != order.order_id {
                sharing.insert(order.order_id, owner);
                sharing.entry(owner).or_insert(order.order_id);
            }
        }
    }
    sharing
}

#[cfg(test)]
mod tests;
