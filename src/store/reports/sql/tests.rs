//! Every query of the report runs by an index, on both databases.

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, Statement, Value};

use super::*;
use crate::domain::order::ReportedStatus;
use crate::store::engine::tests::plans::FilledDatabase;

#[test]
fn the_words_of_a_claim_are_those_that_say_paid() {
    let text = reported_paid(DbBackend::Sqlite).total();
    let (_, words) = text.split_once("UPPER(word) IN (").unwrap();
    let (words, _) = words.split_once(')').unwrap();
    for word in words.split(", ") {
        assert_eq!(
            ReportedStatus::read(word.trim_matches('\'')),
            ReportedStatus::Paid,
            "{word}"
        );
    }
}

/// Every query of a report, by name, with the index that it must use.
fn queries() -> Vec<(&'static str, String, &'static str)> {
    let mut queries = vec![
        ("sales", SALES.to_owned(), "invoices_issued_at"),
        ("orphans", orphans(), "webhook_deliveries_orphans"),
        (
            "orphans total",
            orphans_total(),
            "webhook_deliveries_orphans",
        ),
    ];
    for (name, section, index) in [
        ("refunds", refunds(), "payments_refunded_at"),
        ("held", held(), "payments_open"),
        (
            "not confirmed",
            fulfilled_not_confirmed(),
            "invoices_issued_at",
        ),
        ("underpaid", underpaid(), "invoices_issued_at"),
        ("overpaid", overpaid(), "invoices_issued_at"),
        (
            "second charges",
            alerts(SECOND_CHARGES),
            "order_events_alerts_at",
        ),
        (
            "disagreements",
            alerts(DISAGREEMENTS),
            "order_events_alerts_at",
        ),
        (
            "refused vouchers",
            alerts(REFUSED_VOUCHERS),
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
    for database in FilledDatabase::both().await {
        let (day, by_time) = match database.backend() {
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
        let query = Statement::from_sql_and_values(database.backend(), CASH_SALES, day);

        let plan = database.plan(&query).await;

        assert!(plan.contains(by_time), "{plan}");
        assert!(!plan.contains("Seq Scan on radacct"), "{plan}");
        assert!(!plan.contains("Seq Scan on vouchers"), "{plan}");
        assert!(!plan.contains("SCAN v"), "{plan}");
    }
}

#[tokio::test]
async fn every_query_of_the_report_reads_its_day_by_an_index() {
    for database in FilledDatabase::both().await {
        let (twice, claimed) = (
            paid_twice(database.backend()),
            reported_paid(database.backend()),
        );
        let mut queries = queries();
        // All orders of these database are of one phone, so a day of them may be as near.
        let other = match database.backend() {
            DbBackend::Postgres => "payments_created_at on payments x",
            _ => "SEARCH x USING INDEX payments_phone",
        };
        for text in [twice.lines(), twice.total()] {
            queries.push(("paid twice", text.clone(), "invoices_issued_at"));
            queries.push(("paid twice", text, other));
        }
        let by_id = match database.backend() {
            DbBackend::Postgres => "Index Scan using payments_order_id",
            _ => "SEARCH p USING INDEX",
        };
        for text in [claimed.lines(), claimed.total()] {
            queries.push(("claimed", text.clone(), "webhook_deliveries_unapplied"));
            queries.push(("claimed", text, by_id));
        }
        for (name, text, index) in queries {
            let day = ["2026-03-01T21:00:00+00:00", "2026-03-02T21:00:00+00:00"]
                .map(|at| at.parse::<DateTime<Utc>>().unwrap().into());
            let query = Statement::from_sql_and_values(database.backend(), text, day);

            let plan = database.plan(&query).await;

            assert!(
                plan.contains(index),
                "{name} on {:?}:\n{plan}",
                database.backend()
            );
        }
    }
}
