//! The queries of the daily report. `$1` is when the day begins, `$2` when it ends.
//!
//! Kept as text so that a test can ask both databases by which index they would run.

use sea_orm::DbBackend;

/// Lines of one list at most.
pub(super) const LINES_MAX: usize = 1_000;

/// A list of orders, as parts of a query about `payments p`.
pub(super) struct Section {
    /// The event that puts an order into the list, and the condition.
    from: String,
    /// When the event happened.
    at: &'static str,
    /// What is summed.
    sum: &'static str,
    /// What an operator should know.
    note: String,
}

impl Section {
    fn new(from: impl Into<String>, at: &'static str, sum: &'static str, note: &str) -> Self {
        Self {
            from: from.into(),
            at,
            sum,
            note: note.to_owned(),
        }
    }

    /// The first lines.
    pub fn lines(&self) -> String {
        format!(
            "SELECT {} AS at, p.order_id, p.status, p.package_code, p.amount, p.paid_amount, \
             p.reference, {} AS note FROM {} ORDER BY 1 LIMIT {LINES_MAX}",
            self.at, self.note, self.from
        )
    }

    /// Count and sum of all.
    pub fn total(&self) -> String {
        format!(
            "SELECT COUNT(*) AS count, CAST(COALESCE(SUM({}), 0) AS bigint) AS amount FROM {}",
            self.sum, self.from
        )
    }
}

/// What was sold, by package.
pub(super) const SALES: &str = "SELECT i.package_code, COUNT(*) AS count, \
     CAST(SUM(COALESCE(p.paid_amount, p.amount)) AS bigint) AS amount \
     FROM invoices i JOIN payments p ON p.id = i.payment_id \
     WHERE i.issued_at >= $1 AND i.issued_at < $2 GROUP BY i.package_code ORDER BY i.package_code";

/// Printed vouchers by package: those whose first session began that day. The query begins at the
/// sessions of the day, of which there are fewer than vouchers ever printed. Its scalar subqueries
/// make PostgreSQL look up each code by index.
pub(super) const CASH_SALES: &str = "SELECT b.package_code, COUNT(*) AS count, \
     CAST(SUM(b.price) AS bigint) AS amount FROM (SELECT \
     (SELECT v.batch_id FROM vouchers v WHERE v.code = used.username) AS batch_id, \
     (SELECT MIN(e.acctstarttime) FROM radacct e WHERE e.username = used.username) AS first_at \
     FROM (SELECT DISTINCT a.username FROM radacct a \
     WHERE a.acctstarttime >= $1 AND a.acctstarttime < $2) used) sold \
     JOIN voucher_batches b ON b.id = sold.batch_id \
     WHERE sold.first_at >= $1 GROUP BY b.package_code ORDER BY b.package_code";

/// What was paid: the price where the gateway named no amount.
const PAID: &str = "COALESCE(p.paid_amount, p.amount)";

pub(super) fn refunds() -> Section {
    let from = "payments p WHERE p.refunded_at >= $1 AND p.refunded_at < $2";
    Section::new(from, "p.refunded_at", PAID, "p.failure_reason")
}

pub(super) fn held() -> Section {
    // The first condition is the predicate of the index `payments_open`, to the letter.
    let from = "payments p WHERE p.status IN ('PENDING', 'HELD') AND p.status = 'HELD' \
         AND p.confirmed_at >= $1 AND p.confirmed_at < $2";
    Section::new(from, "p.confirmed_at", PAID, "p.failure_reason")
}

/// Orders that were sold that day, and for which this holds.
fn sold(condition: &str, sum: &'static str, note: &str) -> Section {
    let from = format!(
        "invoices i JOIN payments p ON p.id = i.payment_id \
         WHERE i.issued_at >= $1 AND i.issued_at < $2 AND {condition}"
    );
    Section::new(from, "i.issued_at", sum, note)
}

pub(super) fn fulfilled_not_confirmed() -> Section {
    sold("p.gateway_confirmed_at IS NULL", PAID, "NULL")
}

pub(super) fn underpaid() -> Section {
    let note = "(p.amount - p.paid_amount) || ' TZS less than the price of ' || p.amount";
    sold("p.paid_amount < p.amount", "p.amount - p.paid_amount", note)
}

pub(super) fn overpaid() -> Section {
    let note = "(p.paid_amount - p.amount) || ' TZS more than the price of ' || p.amount";
    sold("p.paid_amount > p.amount", "p.paid_amount - p.amount", note)
}

pub(super) const SECOND_CHARGES: &str = "'second_charge'";
pub(super) const DISAGREEMENTS: &str =
    "'amount_differs', 'reversal', 'not_confirmed', 'push_refused_after_sale'";
pub(super) const REFUSED_VOUCHERS: &str = "'not_let_in'";

/// Orders whose timeline has an alert of one of these kinds of that day.
pub(super) fn alerts(kinds: &str) -> Section {
    let from = format!(
        "order_events e JOIN payments p ON p.order_id = e.order_id \
         WHERE e.level = 'alert' AND e.at >= $1 AND e.at < $2 AND e.kind IN ({kinds})"
    );
    Section::new(from, "e.at", "p.amount", "e.summary")
}

/// Orders that were sold although another order, which the note names by its `ref`, was sold for
/// the same purchase. Orders that were made more than a day apart are separate purchases. There is
/// no join with the other order: planners would read the whole table for it.
pub(super) fn paid_twice(backend: DbBackend) -> Section {
    let (day_before, day_after, order_ref) = match backend {
        DbBackend::Postgres => (
            "p.created_at - interval '1 day'",
            "p.created_at + interval '1 day'",
            "substr(CAST(o.order_id AS text), 1, 8)",
        ),
        // As times are written, so that they are found by the index.
        _ => (
            "strftime('%Y-%m-%dT%H:%M:%f+00:00', p.created_at, '-1 day')",
            "strftime('%Y-%m-%dT%H:%M:%f+00:00', p.created_at, '+1 day')",
            "lower(substr(hex(o.order_id), 1, 8))",
        ),
    };
    // Only the order that was sold last is listed, and `other` is the one before: it was not sold
    // yet when the guest bought again. `x.id + 0` is in no index, so planners do not search for the
    // newest from the end of the table.
    let other = format!(
        "(SELECT MAX(x.id + 0) FROM payments x \
         WHERE x.phone = p.phone AND x.package_code = p.package_code \
         AND x.status = 'COMPLETED' AND x.id <> p.id \
         AND x.created_at BETWEEN {day_before} AND {day_after} \
         AND x.processed_at > p.created_at AND (x.processed_at < p.processed_at \
             OR (x.processed_at = p.processed_at AND x.id < p.id)))"
    );
    let note = format!(
        "(SELECT 'the same was sold by order ' || {order_ref} FROM payments o WHERE o.id = {other})"
    );
    let condition = format!("p.status = 'COMPLETED' AND {other} IS NOT NULL");
    sold(&condition, PAID, &note)
}

/// A replay is journalled too and is no new money.
const ORPHANS: &str = "FROM webhook_deliveries WHERE outcome = 'unknown_order' \
     AND received_at >= $1 AND received_at < $2 AND proof IS NOT NULL \
     AND COALESCE(source, '') <> 'replay'";

pub(super) fn orphans() -> String {
    format!(
        "SELECT id, received_at, order_id, word, reference, amount {ORPHANS} \
         ORDER BY received_at LIMIT {LINES_MAX}"
    )
}

pub(super) fn orphans_total() -> String {
    format!(
        "SELECT COUNT(*) AS count, CAST(COALESCE(SUM(amount), 0) AS bigint) AS amount {ORPHANS}"
    )
}

/// Orders that a delivery calls paid and that are neither sold nor held: it failed with an error of ours
/// or could not be confirmed. Begins at those deliveries. The condition on `outcome` is the predicate
/// of the index `webhook_deliveries_unapplied`, to the letter; the words are those of `ReportedStatus::Paid`.
pub(super) fn reported_paid(backend: DbBackend) -> Section {
    // The sender may have named anything; what is no UUID names no order.
    let order_id = match backend {
        DbBackend::Postgres => {
            "CASE WHEN order_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' \
             THEN CAST(order_id AS uuid) END"
        }
        _ => "unhex(replace(order_id, '-', ''))",
    };
    let from = format!(
        "(SELECT {order_id} AS named, MIN(received_at) AS at, MIN(outcome) AS outcome \
         FROM webhook_deliveries WHERE received_at >= $1 AND received_at < $2 \
         AND outcome IN ('error', 'unconfirmed') AND order_id IS NOT NULL \
         AND UPPER(word) IN ('COMPLETED', 'SUCCESS', 'SUCCESSFUL', 'PAID') \
         GROUP BY 1) c JOIN payments p ON p.order_id = c.named \
         WHERE p.status NOT IN ('COMPLETED', 'REFUNDED', 'HELD')"
    );
    let note = "'a delivery says paid: ' || c.outcome";
    Section::new(from, "c.at", PAID, note)
}

#[cfg(test)]
mod tests;
