//! Batches and their texts, on both databases.

use std::collections::HashSet;

use sea_orm::{QuerySelect, QueryTrait, TransactionTrait};
use uuid::Uuid;

use super::*;
use crate::store::engine::tests::plans::FilledDatabase;

async fn known(database: &FilledDatabase) -> Vec<OrderId> {
    let ids: Vec<Uuid> = payments::Entity::find()
        .select_only()
        .column(payments::Column::OrderId)
        .limit(BATCH_MAX as u64)
        .into_tuple()
        .all(database.db())
        .await
        .unwrap();
    ids.into_iter().map(OrderId).collect()
}

#[tokio::test]
async fn a_batch_of_any_size_is_found_by_an_index_and_without_unknown_orders() {
    for database in FilledDatabase::both().await {
        let known = known(&database).await;
        let unknown = OrderId(Uuid::nil());

        for size in [0, 1, 2, 3, 5, BATCH_MAX] {
            let mut wanted = known[..size].to_vec();
            wanted.push(unknown);
            let found = find(database.db(), &wanted).await.unwrap();

            let ids: HashSet<OrderId> = found.keys().copied().collect();
            assert_eq!(ids, known[..size].iter().copied().collect());
            for (id, read) in found {
                assert_eq!(read.unwrap().order_id, id);
            }
        }
        assert!(find(database.db(), &[]).await.unwrap().is_empty());

        let query = payments::Entity::find()
            .filter(is_one_of(&known[..5], database.backend()))
            .build(database.backend());
        let plan = database.plan(&query).await.to_uppercase();
        assert!(
            plan.contains("INDEX") && !plan.contains("SEQ SCAN"),
            "{plan}"
        );
    }
}

#[tokio::test]
async fn a_damaged_row_fails_for_its_own_order_alone() {
    for database in FilledDatabase::both().await {
        let orders = &known(&database).await[..3];
        // On one connection, because SQLite switches its checks off for a connection.
        let txn = database.db().begin().await.unwrap();
        let without_checks = match database.backend() {
            DbBackend::Postgres => "ALTER TABLE payments DROP CONSTRAINT payments_status_check",
            _ => "PRAGMA ignore_check_constraints = ON",
        };
        txn.execute_unprepared(without_checks).await.unwrap();
        payments::Entity::update_many()
            .col_expr(payments::Column::Status, Expr::value("LOST"))
            .filter(payments::Column::OrderId.eq(orders[1].0))
            .exec(&txn)
            .await
            .unwrap();

        let found = find(&txn, orders).await.unwrap();

        assert!(found[&orders[0]].is_ok());
        assert!(matches!(found[&orders[1]], Err(StoreError::Corrupt(_))));
        assert!(found[&orders[2]].is_ok());
    }
}

#[test]
fn lists_of_many_lengths_are_few_texts() {
    let orders = [OrderId(Uuid::nil()); BATCH_MAX];
    let text = |count: usize, backend| {
        payments::Entity::find()
            .filter(is_one_of(&orders[..count], backend))
            .build(backend)
            .sql
    };

    for (backend, most) in [(DbBackend::Sqlite, 9), (DbBackend::Postgres, 2)] {
        let texts: HashSet<String> = (1..=BATCH_MAX).map(|count| text(count, backend)).collect();
        assert!(texts.len() <= most, "{backend:?}: {}", texts.len());
    }
}
