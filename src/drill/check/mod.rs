//! The verdict: everything that is not exactly once, found in what was collected.
//!
//! # Invariants
//! [`check`] is pure. It fetches nothing, so the same run can be looked at again after the
//! database was tampered with.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::collected::{Answer, Collected, PlayedOrder, Shown, WON};
use super::fault::{Fault, Thing};
use super::sender::mark_of;
use crate::domain::order::ids::OrderId;
use crate::store::OrderRows;

const COMPLETED: &str = "COMPLETED";

/// One thing that is wrong with one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which order.
    pub order_id: OrderId,
    /// What.
    pub fault: Fault,
}

/// Finds all that is not exactly once, in the order in which it was played.
pub fn check(collected: &Collected) -> Vec<Violation> {
    let mut violations = Vec::new();
    let shared = Shared::of(collected);
    for order in &collected.played {
        let shown = collected.shown.get(&order.order_id);
        let mut faults = Vec::new();
        faults.extend(answers(order));
        faults.extend(page(shown));
        faults.extend(guest(order, shown));
        if let Some(booked) = &collected.booked {
            match booked.get(&order.order_id) {
                Some(booked) => faults.extend(books(order, shown, booked)),
                None => faults.push(Fault::NotInBooks),
            }
        }
        faults.extend(shared.faults(order.order_id));
        violations.extend(faults.into_iter().map(|fault| Violation {
            order_id: order.order_id,
            fault,
        }));
    }
    violations
}

/// What the server said to each delivery.
fn answers(order: &PlayedOrder) -> Vec<Fault> {
    let mut faults: Vec<Fault> = order
        .sent
        .iter()
        .filter_map(|sent| match &sent.answer {
            Answer::Acknowledged { .. } => None,
            Answer::Refused { status, code } => Some(Fault::Refused {
                word: sent.word,
                status: *status,
                code: code.clone(),
            }),
            Answer::GaveUp => Some(Fault::NeverAcknowledged { word: sent.word }),
        })
        .collect();
    let winners = order.sent.iter().filter(|sent| sent.won()).count();
    if winners > 1 {
        faults.push(Fault::SoldTwice { times: winners });
    }
    faults
}

/// What the status page shows.
fn page(shown: Option<&Shown>) -> Option<Fault> {
    match shown {
        None => Some(Fault::NotShown),
        Some(shown) if shown.status != COMPLETED => Some(Fault::NotSold {
            status: shown.status.clone(),
        }),
        Some(shown) if shown.code.is_none() => Some(Fault::ShownWithoutCode),
        Some(_) => None,
    }
}

/// What the guest who waited was told.
fn guest(order: &PlayedOrder, shown: Option<&Shown>) -> Vec<Fault> {
    let Some(told) = &order.told else {
        return vec![Fault::NeverTold];
    };
    let code_shown = shown.and_then(|shown| shown.code.as_ref());
    let went_back = told
        .went_back
        .map(|(from, to)| Fault::WentBack { from, to });
    let code = match (&told.code, code_shown) {
        (None, _) => Some(Fault::ToldWithoutCode),
        (Some(told), Some(shown)) if told != shown => Some(Fault::ToldAnotherCode),
        (Some(_), _) => None,
    };
    went_back.into_iter().chain(code).collect()
}

/// What the sale has left in the database.
fn books(order: &PlayedOrder, shown: Option<&Shown>, booked: &OrderRows) -> Vec<Fault> {
    let winners = booked.journal.iter().filter(|line| line.outcome == WON);
    let mut counts = vec![
        (Thing::Invoice, booked.invoices.len()),
        (Thing::Voucher, booked.vouchers.len()),
        (Thing::Sms, booked.sms),
        (Thing::WinningWebhook, winners.count()),
    ];
    // Without a voucher there is no name by which a RADIUS user could be found.
    if !booked.vouchers.is_empty() {
        counts.push((Thing::RadiusUser, booked.radius_users));
    }
    let mut faults: Vec<Fault> = counts
        .into_iter()
        .filter(|(_, count)| *count != 1)
        .map(|(thing, count)| Fault::NotOne { thing, count })
        .collect();

    let code_shown = shown.and_then(|shown| shown.code.as_ref());
    if let (Some(shown), [booked, ..]) = (code_shown, booked.vouchers.as_slice())
        && shown != booked
    {
        faults.push(Fault::BookedAnotherCode);
    }
    let code_told = order.told.as_ref().and_then(|told| told.code.as_ref());
    if let (Some(told), [booked, ..]) = (code_told, booked.vouchers.as_slice())
        && told != booked
    {
        faults.push(Fault::ToldWhatIsNotBooked);
    }
    if !booked.vouchers.is_empty() && booked.sms_with_code < booked.sms {
        faults.push(Fault::SmsWithoutCode);
    }
    faults.extend(journal(order, booked));
    faults
}

/// Every delivery that was acknowledged is in the journal. There may be more: one that was
/// answered 503 can have been kept all the same.
fn journal(order: &PlayedOrder, booked: &OrderRows) -> Option<Fault> {
    let kept: HashSet<u32> = booked
        .journal
        .iter()
        .filter_map(|line| mark_of(&line.body))
        .collect();
    let missing = order
        .sent
        .iter()
        .filter(|sent| sent.is_acknowledged() && !kept.contains(&sent.mark))
        .count();
    (missing > 0).then_some(Fault::NotJournalled { missing })
}

/// Codes and invoice numbers that more than one order has.
struct Shared {
    codes: HashMap<OrderId, OrderId>,
    numbers: HashMap<OrderId, OrderId>,
}

impl Shared {
    fn of(collected: &Collected) -> Self {
        let played = || collected.played.iter().map(|order| order.order_id);
        let booked = |order_id| collected.booked.as_ref()?.get(&order_id);
        let shown = |order_id| collected.shown.get(&order_id)?.code.as_ref();
        let codes = played().flat_map(|order_id| {
            let in_books = booked(order_id).map(|booked| &booked.vouchers);
            let codes: HashSet<_> = in_books
                .into_iter()
                .flatten()
                .chain(shown(order_id))
                .collect();
            codes.into_iter().map(move |code| (order_id, code))
        });
        let numbers = played().flat_map(|order_id| {
            let in_books = booked(order_id).map(|booked| &booked.invoices);
            in_books
                .into_iter()
                .flatten()
                .map(move |number| (order_id, number))
        });
        Self {
            codes: with_another(codes),
            numbers: with_another(numbers),
        }
    }

    fn faults(&self, order_id: OrderId) -> Vec<Fault> {
        let code = self.codes.get(&order_id);
        let number = self.numbers.get(&order_id);
        code.map(|with| Fault::SharesCode { with: *with })
            .into_iter()
            .chain(number.map(|with| Fault::SharesInvoiceNumber { with: *with }))
            .collect()
    }
}

/// For each order that has something in common with another one, such another one.
fn with_another<T: Eq + Hash>(
    owned: impl Iterator<Item = (OrderId, T)>,
) -> HashMap<OrderId, OrderId> {
    let mut first: HashMap<T, OrderId> = HashMap::new();
    let mut sharing = HashMap::new();
    for (order_id, thing) in owned {
        let owner = *first.entry(thing).or_insert(order_id);
        if owner != order_id {
            sharing.insert(order_id, owner);
            sharing.entry(owner).or_insert(order_id);
        }
    }
    sharing
}

#[cfg(test)]
mod tests;
