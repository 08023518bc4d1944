//! Each lookup runs by its index, on both databases, as the planner says itself.

use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement};

use super::*;
use crate::domain::order::Outcome;
use crate::store::JournalSearch;
use crate::store::engine::tests::{migrated, plans};
use crate::store::journal;

/// Orders in the table: enough that reading them all would be the slower way.
const ORDERS: i64 = 4_000;

struct FilledDatabase {
    store: Store,
    _folder: Option<tempfile::TempDir>,
}

impl FilledDatabase {
    async fn of(store: Store, folder: Option<tempfile::TempDir>) -> Self {
        let database = Self {
            store,
            _folder: folder,
        };
        database.fill().await;
        database
    }

    async fn sqlite() -> Self {
        let (store, folder) = migrated::sqlite().await;
        Self::of(store, Some(folder)).await
    }

    async fn postgres() -> Self {
        Self::of(migrated::open(migrated::on_postgres().await).await, None).await
    }

    /// Most are COMPLETED, one in fifty FAILED, one in five hundred HELD; forty phones.
    async fn fill(&self) {
        let is_postgres = self.store.backend() == DbBackend::Postgres;
        let (id, at, numbers) = if is_postgres {
            (
                "gen_random_uuid()",
                "now()",
                "generate_series(1, 4000) AS n(i)",
            )
        } else {
            (
                "randomblob(16)",
                "'2026-11-24T00:00:00+00:00'",
                "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) SELECT i FROM n)",
            )
        };
        let fill = format!(
            "INSERT INTO payments (order_id, status, version, phone, language, package_id,
                package_code, package_name_sw, package_name_en, amount, currency,
                duration_minutes, validity, download_kbps, upload_kbps, shared_devices,
                webhook_secret, reference, transid, created_at, deadline_at)
             SELECT {id},
                CASE WHEN i % 500 = 0 THEN 'HELD' WHEN i % 50 = 0 THEN 'FAILED' ELSE 'COMPLETED' END,
                1, CAST(255712345600 + i % 40 AS text), 'sw', 1, 'daily', 'Siku', 'Day', 2000,
                'TZS', 1440, 'purchase', 1, 1, 1, 'secret', 'R' || CAST(i AS text),
                'T' || CAST(i AS text), {at}, {at}
             FROM {numbers}"
        );
        let body = if is_postgres { "''::bytea" } else { "x''" };
        let journal = format!(
            "INSERT INTO webhook_deliveries (order_id, outcome, received_at, processing_ms, body)
             SELECT 'order-' || CAST(id / 2 AS text),
                CASE WHEN id % 400 = 0 THEN 'malformed' ELSE 'duplicate' END, created_at, 1.0,
                {body} FROM payments"
        );
        let writer = &self.store.inner.pools.writer;
        let events = "INSERT INTO order_events (order_id, at, kind, level, summary, reference)
             SELECT order_id, created_at, 'note', 'note', 's',
                CASE WHEN id % 400 = 0 THEN 'S' || CAST(id AS text) END FROM payments";
        writer.execute_unprepared(&fill).await.unwrap();
        writer.execute_unprepared(events).await.unwrap();
        writer.execute_unprepared(&journal).await.unwrap();
        writer.execute_unprepared("ANALYZE").await.unwrap();
    }

    /// How the planner would run these lookups.
    async fn plans(&self, search: &OrderSearch) -> Vec<String> {
        let mut plans = Vec::new();
        for lookup in self.store.lookups(search).await.unwrap() {
            plans.push(self.plan(lookup.build(self.store.backend())).await);
        }
        plans
    }

    async fn plan(&self, mut query: Statement) -> String {
        let (explain, column) = match self.store.backend() {
            DbBackend::Postgres => ("EXPLAIN", 0),
            _ => ("EXPLAIN QUERY PLAN", 3),
        };
        query.sql = format!("{explain} {}", query.sql);
        let rows = self
            .store
            .inner
            .pools
            .reader
            .query_all_raw(query)
            .await
            .unwrap();
        let lines = rows
            .iter()
            .map(|row| row.try_get_by_index::<String>(column).unwrap());
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn number(text: &str) -> Vec<Key> {
    vec![Key::Number(text.to_owned())]
}

async fn every_lookup_has_its_index(database: &FilledDatabase, primary: &str) {
    let phone = vec![Key::Phone(Phone::read("255712345607").unwrap())];
    let order = vec![Key::Order(
        "677e4327-4d7c-4b1e-8f3a-1c2d3e4f5a6b".parse().unwrap(),
    )];
    let order_index = match database.store.backend() {
        DbBackend::Postgres => "payments_order_id_key",
        _ => "sqlite_autoindex_payments",
    };
    for (keys, status, indexes) in [
        (phone.clone(), None, vec!["payments_phone"]),
        (phone, Some(Status::Completed), vec!["payments_phone"]),
        (
            number("R17"),
            None,
            vec!["payments_reference", "payments_transid"],
        ),
        (order, None, vec![order_index]),
        (
            vec![Key::Ref("677e4327".parse().unwrap())],
            None,
            vec![order_index],
        ),
        (
            vec![Key::PhoneEnd("5607".to_owned())],
            None,
            vec!["payments_phone_end"],
        ),
        (
            vec![Key::PhoneEnd("12345607".to_owned())],
            None,
            vec!["payments_phone_end"],
        ),
        (Vec::new(), Some(Status::Held), vec!["payments_open"]),
        (Vec::new(), Some(Status::Failed), vec!["payments_not_sold"]),
        (
            Vec::new(),
            Some(Status::Refunded),
            vec!["payments_not_sold"],
        ),
        (Vec::new(), None, vec![primary]),
        (Vec::new(), Some(Status::Completed), vec![primary]),
    ] {
        for before in [None, Some(ORDERS / 2)] {
            let search = OrderSearch {
                keys: keys.clone(),
                status,
                before,
                limit: 20,
            };
            let plans = database.plans(&search).await;
            assert_eq!(plans.len(), indexes.len());
            for (plan, index) in plans.iter().zip(&indexes) {
                assert!(plan.contains(index), "{index} is not used:\n{plan}");
                assert!(!plan.contains("Seq Scan"), "{index}:\n{plan}");
            }
        }
    }
}

async fn a_second_charge_has_its_index(database: &FilledDatabase) {
    let numbers = ["S400", "s400"].map(Into::into);
    let charged = Statement::from_sql_and_values(database.store.backend(), CHARGED_AGAIN, numbers);
    let plan = database.plan(charged).await;
    assert!(plan.contains("order_events_reference"), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");

    let search = OrderSearch {
        keys: number("S400"),
        limit: 20,
        ..Default::default()
    };
    let plans = database.plans(&search).await;
    let order_index = match database.store.backend() {
        DbBackend::Postgres => "payments_order_id_key",
        _ => "sqlite_autoindex_payments",
    };
    assert_eq!(
        plans.len(),
        3,
        "by reference, by transid, and the order charged again"
    );
    assert!(plans[2].contains(order_index), "{}", plans[2]);
}

async fn every_page_of_the_journal_has_its_index(database: &FilledDatabase) {
    let order_id = Some("order-17".to_owned());
    let by_order = ["webhook_deliveries_order"];
    let by_outcome = ["webhook_deliveries_outcome"];
    let either = [by_order[0], by_outcome[0]];
    for (order_id, outcome, indexes) in [
        (order_id.clone(), None, &by_order[..]),
        (None, Some(Outcome::Malformed), &by_outcome),
        (order_id, Some(Outcome::Duplicate), &either),
    ] {
        for before in [None, Some(ORDERS / 2)] {
            let search = JournalSearch {
                outcome,
                order_id: order_id.clone(),
                before,
                limit: 20,
            };
            let page = journal::page_of(&search).build(database.store.backend());
            let plan = database.plan(page).await;
            let used = indexes.iter().any(|index| plan.contains(index));
            assert!(used && !plan.contains("Seq Scan"), "{indexes:?}:\n{plan}");
        }
    }
}

#[tokio::test]
async fn every_lookup_has_its_index_on_sqlite() {
    let database = FilledDatabase::sqlite().await;
    every_page_of_the_journal_has_its_index(&database).await;
    a_second_charge_has_its_index(&database).await;
    // A walk along the table from its end: SQLite calls that SCAN or SEARCH, and no sort.
    every_lookup_has_its_index(&database, "payments").await;
    let newest = OrderSearch {
        limit: 20,
        ..Default::default()
    };
    let plan = database.plans(&newest).await.concat();
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}

#[tokio::test]
async fn every_lookup_has_its_index_on_postgres() {
    let database = FilledDatabase::postgres().await;
    every_page_of_the_journal_has_its_index(&database).await;
    a_second_charge_has_its_index(&database).await;
    every_lookup_has_its_index(&database, "payments_pkey").await;
}

#[tokio::test]
async fn an_order_is_found_by_the_token_of_its_owner_link_in_an_index() {
    for database in plans::FilledDatabase::both().await {
        let token = OwnerToken::from_random_bytes([7; 16]);
        let asked = payments::Entity::find().filter(has_owner_token(&token));

        let plan = database.plan(&asked.build(database.backend())).await;

        assert!(plan.contains("payments_owner_token"), "{plan}");
    }
}
