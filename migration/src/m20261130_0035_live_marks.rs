//! A database that live mode has served is marked, so that no sandbox writes vouchers into it.

use sea_orm_migration::prelude::{
    DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait,
};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let order_id = match dialect::speaks_postgres(manager)? {
            true => "replace(CAST(p.order_id AS text), '-', '')",
            false => "lower(hex(p.order_id))",
        };
        dialect::run(manager, &UP.replace("{order_id}", order_id)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}

/// At most one row. A database of an earlier version was live if it has a payment that no sandbox has
/// simulated, or was a sandbox's and was adopted.
const UP: &str = "
CREATE TABLE live_marks (
    id integer PRIMARY KEY CHECK (id = 1),
    since {time} NOT NULL
);
INSERT INTO live_marks (id, since)
    SELECT 1, MIN(at) FROM (
        SELECT p.created_at AS at FROM payments p WHERE p.confirmed_at IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM sandbox_payments s
                WHERE replace(lower(s.order_id), '-', '') = {order_id})
        UNION ALL SELECT at FROM audit_events WHERE action = 'adopt-sandbox'
    ) AS live HAVING COUNT(*) > 0;
";

const DOWN: &str = "
DROP TABLE live_marks;
";
