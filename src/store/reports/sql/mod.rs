//! The queries of the daily report. `$1` is when the day begins, `$2` when it ends.
//!
//! Kept as text so that a test can ask both databases by which index they would run.

use sea_orm::DbBackend;

use super::document::MOST_LINES;

/// A list of orders, as parts of a query about `payments p`.
pub(super) struct Section {
    /// What put the order into the list, and which orders are in it.
    from: &'static str,
    /// When that was.
    at: &'static str,
    /// What is summed.
    sum: &'static str,
    /// What an operator should know.
    note: &'static str,
}

impl Section {
    /// The first lines.
    pub fn lines(&self) -> String {
        format!(
            "SELECT {} AS at, p.order_id, p.status, p.package_code, p.amount, p.paid_amount, \
             p.reference, {} AS note FROM {} ORDER BY 1 LIMIT {MOST_LINES}",
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

/// Printed vouchers by package: those whose first session began that day. Begins at the sessions
/// of the day, of which there are fewer than vouchers ever printed; one look by index for each
/// code is what a subquery that stands for a value leaves PostgreSQL to do.
pub(super) const CASH_SALES: &str = "SELECT b.package_code, COUNT(*) AS count, \
     CAST(SUM(b.price) AS bigint) AS amount FROM (SELECT \
     (SELECT v.batch_id FROM vouchers v WHERE v.code = used.username) AS batch_id, \
     (SELECT MIN(e.acctstarttime) FROM radacct e WHERE e.username = used.username) AS first_at \
     FROM (SELECT DISTINCT a.username FROM radacct a \
     WHERE a.acctstarttime >= $1 AND a.acctstarttime < $2) used) sold \
     JOIN voucher_batches b ON b.id = sold.batch_id \
     WHERE sold.first_at >= $1 GROUP BY b.package_code ORDER BY b.package_code";

/// What came in: the price where the gateway named no amount.
const PAID: &str = "COALESCE(p.paid_amount, p.amount)";

pub(super) const REFUNDS: Section = Section {
    from: "payments p WHERE p.refunded_at >= $1 AND p.refunded_at < $2",
    at: "p.refunded_at",
    sum: PAID,
    note: "p.failure_reason",
};

pub(super) const HELD: Section = Section {
    // The first condition is the predicate of the index `payments_open`, to the letter.
    from: "payments p WHERE p.status IN ('PENDING', 'HELD') AND p.status = 'HELD' \
           AND p.confirmed_at >= $1 AND p.confirmed_at < $2",
    at: "p.confirmed_at",
    sum: PAID,
    note: "p.failure_reason",
};

pub(super) const FULFILLED_NOT_CONFIRMED: Section = Section {
    from: "invoices i JOIN payments p ON p.id = i.payment_id \
           WHERE i.issued_at >= $1 AND i.issued_at < $2 AND p.gateway_confirmed_at IS NULL",
    at: "i.issued_at",
    sum: PAID,
    note: "NULL",
};

pub(super) const UNDERPAID: Section = Section {
    from: "invoices i JOIN payments p ON p.id = i.payment_id \
           WHERE i.issued_at >= $1 AND i.issued_at < $2 AND p.paid_amount < p.amount",
    at: "i.issued_at",
    sum: "p.amount - p.paid_amount",
    note: "(p.amount - p.paid_amount) || ' TZS less than the price of ' || p.amount",
};

pub(super) const OVERPAID: Section = Section {
    from: "invoices i JOIN payments p ON p.id = i.payment_id \
           WHERE i.issued_at >= $1 AND i.issued_at < $2 AND p.paid_amount > p.amount",
    at: "i.issued_at",
    sum: "p.paid_amount - p.amount",
    note: "(p.paid_amount - p.amount) || ' TZS more than the price of ' || p.amount",
};

pub(super) const SECOND_CHARGES: Section = Section {
    from: "order_events e JOIN payments p ON p.order_id = e.order_id \
           WHERE e.level = 'alert' AND e.at >= $1 AND e.at < $2 AND e.kind = 'second_charge'",
    at: "e.at",
    sum: "p.amount",
    note: "e.summary",
};

pub(super) const DISAGREEMENTS: Section = Section {
    from: "order_events e JOIN payments p ON p.order_id = e.order_id \
           WHERE e.level = 'alert' AND e.at >= $1 AND e.at < $2 AND e.kind IN \
           ('amount_differs', 'reversal', 'not_confirmed', 'push_refused_after_sale')",
    at: "e.at",
    sum: "p.amount",
    note: "e.summary",
};

/// Sold vouchers that FreeRADIUS did not let in when they were tried that day.
pub(super) const REFUSED_VOUCHERS: Section = Section {
    from: "order_events e JOIN payments p ON p.order_id = e.order_id \
           WHERE e.level = 'alert' AND e.at >= $1 AND e.at < $2 AND e.kind = 'not_let_in'",
    at: "e.at",
    sum: "p.amount",
    note: "e.summary",
};

/// The other of two orders for one purchase, for the one that was sold last: when it was made, the
/// other was not sold yet, so the guest had been given nothing when buying again. A sum is in no
/// index, so the newest is not looked for from the end of the table.
macro_rules! twin {
    ($within:literal) => {
        concat!(
            "(SELECT MAX(x.id + 0) FROM payments x \
             WHERE x.phone = p.phone AND x.package_code = p.package_code \
             AND x.status = 'COMPLETED' AND x.id <> p.id AND ",
            $within,
            " AND x.processed_at > p.created_at AND (x.processed_at < p.processed_at \
                 OR (x.processed_at = p.processed_at AND x.id < p.id)))"
        )
    };
}

/// What was sold although the same was sold by another order, which the note names by its `ref`. No join with that order: planners
/// would read the whole table for it.
macro_rules! paid_twice {
    (within: $within:literal, name: $name:literal) => {
        Section {
            from: concat!(
                "invoices i JOIN payments p ON p.id = i.payment_id \
                 WHERE i.issued_at >= $1 AND i.issued_at < $2 AND p.status = 'COMPLETED' AND ",
                twin!($within),
                " IS NOT NULL"
            ),
            at: "i.issued_at",
            sum: PAID,
            note: concat!(
                "(SELECT 'the same was sold by order ' || ",
                $name,
                " FROM payments o WHERE o.id = ",
                twin!($within),
                ")"
            ),
        }
    };
}

/// Two purchases further apart than a day are two.
const PAID_TWICE_ON_POSTGRES: Section = paid_twice!(
    within: "x.created_at BETWEEN p.created_at - interval '1 day' AND p.created_at + interval '1 day'",
    name: "substr(CAST(o.order_id AS text), 1, 8)"
);

const PAID_TWICE_ON_SQLITE: Section = paid_twice!(
    // As times are written, so that they are found by the index.
    within: "x.created_at BETWEEN strftime('%Y-%m-%dT%H:%M:%f+00:00', p.created_at, '-1 day') \
             AND strftime('%Y-%m-%dT%H:%M:%f+00:00', p.created_at, '+1 day')",
    name: "lower(substr(hex(o.order_id), 1, 8))"
);

pub(super) fn paid_twice(backend: DbBackend) -> &'static Section {
    match backend {
        DbBackend::Postgres => &PAID_TWICE_ON_POSTGRES,
        _ => &PAID_TWICE_ON_SQLITE,
    }
}

/// A replay is journalled too and is no new money.
const ORPHANS: &str = "FROM webhook_deliveries WHERE outcome = 'unknown_order' \
     AND received_at >= $1 AND received_at < $2 AND proof IS NOT NULL \
     AND COALESCE(source, '') <> 'replay'";

pub(super) const ORPHANS_TOTAL: &str = "SELECT COUNT(*) AS count, \
     CAST(COALESCE(SUM(amount), 0) AS bigint) AS amount \
     FROM webhook_deliveries WHERE outcome = 'unknown_order' \
     AND received_at >= $1 AND received_at < $2 AND proof IS NOT NULL \
     AND COALESCE(source, '') <> 'replay'";

pub(super) fn orphans() -> String {
    format!(
        "SELECT id, received_at, order_id, word, reference, amount {ORPHANS} \
         ORDER BY received_at LIMIT {MOST_LINES}"
    )
}

/// Orders that a delivery calls paid and that are neither sold nor held: we failed on it or could
/// not confirm it. Begins at those deliveries. The condition on `outcome` is the predicate of the
/// index `webhook_deliveries_unapplied`, to the letter; the words are those of `Word::Paid`.
macro_rules! claimed {
    (order_id: $order_id:literal) => {
        Section {
            from: concat!(
                "(SELECT ",
                $order_id,
                " AS named, MIN(received_at) AS at, MIN(outcome) AS outcome \
                 FROM webhook_deliveries WHERE received_at >= $1 AND received_at < $2 \
                 AND outcome IN ('error', 'unconfirmed') AND order_id IS NOT NULL \
                 AND UPPER(word) IN ('COMPLETED', 'SUCCESS', 'SUCCESSFUL', 'PAID') \
                 GROUP BY 1) c JOIN payments p ON p.order_id = c.named \
                 WHERE p.status NOT IN ('COMPLETED', 'REFUNDED', 'HELD')"
            ),
            at: "c.at",
            sum: PAID,
            note: "'a delivery says paid: ' || c.outcome",
        }
    };
}

/// The sender may have named anything; what is no UUID names no order.
const CLAIMED_ON_POSTGRES: Section = claimed!(
    order_id: "CASE WHEN order_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' \
               THEN CAST(order_id AS uuid) END"
);

const CLAIMED_ON_SQLITE: Section = claimed!(order_id: "unhex(replace(order_id, '-', ''))");

pub(super) fn claimed(backend: DbBackend) -> &'static Section {
    match backend {
        DbBackend::Postgres => &CLAIMED_ON_POSTGRES,
        _ => &CLAIMED_ON_SQLITE,
    }
}

#[cfg(test)]
mod tests;
