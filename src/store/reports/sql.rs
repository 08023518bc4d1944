//! The queries of the daily report. `$1` is when the day begins, `$2` when it ends.
//!
//! Kept as text so that a test can ask both databases by which index they would run.

use sea_orm::DbBackend;

use super::MOST;

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
             p.reference, {} AS note FROM {} ORDER BY 1 LIMIT {MOST}",
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
     CAST(SUM(i.amount) AS bigint) AS amount FROM invoices i \
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
    sum: "p.amount",
    note: "NULL",
};

pub(super) const OVERPAID: Section = Section {
    from: "invoices i JOIN payments p ON p.id = i.payment_id \
           WHERE i.issued_at >= $1 AND i.issued_at < $2 AND p.paid_amount > p.amount",
    at: "i.issued_at",
    sum: "p.paid_amount - p.amount",
    note: "NULL",
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

/// What was sold although the same was sold by another order. No join with that order: planners
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
    name: "o.order_id"
);

const PAID_TWICE_ON_SQLITE: Section = paid_twice!(
    // As times are written, so that they are found by the index.
    within: "x.created_at BETWEEN strftime('%Y-%m-%dT%H:%M:%f+00:00', p.created_at, '-1 day') \
             AND strftime('%Y-%m-%dT%H:%M:%f+00:00', p.created_at, '+1 day')",
    name: "lower(substr(hex(o.order_id), 1, 8) || '-' || substr(hex(o.order_id), 9, 4) || '-' || \
        substr(hex(o.order_id), 13, 4) || '-' || substr(hex(o.order_id), 17, 4) || '-' || \
        substr(hex(o.order_id), 21))"
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
         ORDER BY received_at LIMIT {MOST}"
    )
}

/// Deliveries that changed nothing although somebody may have paid. The condition on
/// `outcome` is the predicate of the index `webhook_deliveries_unapplied`, to the letter.
pub(super) fn suspects() -> String {
    format!(
        "SELECT order_id, received_at, word, outcome FROM webhook_deliveries \
         WHERE received_at >= $1 AND received_at < $2 AND outcome IN ('error', 'unconfirmed') \
         AND order_id IS NOT NULL ORDER BY received_at LIMIT {MOST}"
    )
}

#[cfg(test)]
mod plans {
    use chrono::{DateTime, Utc};
    use sea_orm::{DbBackend, Statement, Value};

    use super::super::super::plans::Books;
    use super::*;

    /// Every query of a report, by name, with the index that it must use.
    fn queries() -> Vec<(&'static str, String, &'static str)> {
        let mut queries = vec![
            ("sales", SALES.to_owned(), "invoices_issued_at"),
            ("orphans", orphans(), "webhook_deliveries_orphans"),
            (
                "orphans total",
                ORPHANS_TOTAL.to_owned(),
                "webhook_deliveries_orphans",
            ),
            ("suspects", suspects(), "webhook_deliveries_unapplied"),
        ];
        for (name, section, index) in [
            ("refunds", REFUNDS, "payments_refunded_at"),
            ("held", HELD, "payments_open"),
            (
                "not confirmed",
                FULFILLED_NOT_CONFIRMED,
                "invoices_issued_at",
            ),
            ("overpaid", OVERPAID, "invoices_issued_at"),
            ("second charges", SECOND_CHARGES, "order_events_alerts_at"),
            ("disagreements", DISAGREEMENTS, "order_events_alerts_at"),
            (
                "refused vouchers",
                REFUSED_VOUCHERS,
                "order_events_alerts_at",
            ),
        ] {
            queries.push((name, section.lines(), index));
            queries.push((name, section.total(), index));
        }
        queries
    }

    #[tokio::test]
    async fn cash_sales_begin_at_the_sessions_of_the_day() {
        for books in Books::both().await {
            let (day, by_time) = match books.backend() {
                DbBackend::Postgres => (
                    ["2026-03-01T21:00:00+00:00", "2026-03-02T21:00:00+00:00"]
                        .map(|at| at.parse::<DateTime<Utc>>().unwrap().into()),
                    "radacct_start_user_idx",
                ),
                _ => (
                    [1_772_398_800_i64, 1_772_485_200].map(Value::from),
                    "INDEX acctstarttime",
                ),
            };
            let query = Statement::from_sql_and_values(books.backend(), CASH_SALES, day);

            let plan = books.plan(&query).await;

            assert!(plan.contains(by_time), "{plan}");
            assert!(!plan.contains("Seq Scan on radacct"), "{plan}");
            assert!(!plan.contains("Seq Scan on vouchers"), "{plan}");
            assert!(!plan.contains("SCAN v"), "{plan}");
        }
    }

    #[tokio::test]
    async fn every_query_of_the_report_reads_its_day_by_an_index() {
        for books in Books::both().await {
            let twice = paid_twice(books.backend());
            let mut queries = queries();
            // All orders of these books are of one phone, so a day of them may be as near.
            let other = match books.backend() {
                DbBackend::Postgres => "payments_created_at on payments x",
                _ => "SEARCH x USING INDEX payments_phone",
            };
            for text in [twice.lines(), twice.total()] {
                queries.push(("paid twice", text.clone(), "invoices_issued_at"));
                queries.push(("paid twice", text, other));
            }
            for (name, text, index) in queries {
                let day = ["2026-03-01T21:00:00+00:00", "2026-03-02T21:00:00+00:00"]
                    .map(|at| at.parse::<DateTime<Utc>>().unwrap().into());
                let query = Statement::from_sql_and_values(books.backend(), text, day);

                let plan = books.plan(&query).await;

                assert!(
                    plan.contains(index),
                    "{name} on {:?}:\n{plan}",
                    books.backend()
                );
            }
        }
    }
}
