//! Refunds and the daily report, which reads each of its parts through an index.

use sea_orm_migration::prelude::{
    DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait,
};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}

const UP: &str = "
ALTER TABLE payments ADD COLUMN refunded_at {time};
CREATE INDEX payments_refunded_at ON payments (refunded_at) WHERE refunded_at IS NOT NULL;

CREATE INDEX invoices_issued_at ON invoices (issued_at);
CREATE INDEX order_events_alerts_at ON order_events (at) WHERE level = 'alert';
CREATE INDEX webhook_deliveries_orphans ON webhook_deliveries (received_at)
    WHERE outcome = 'unknown_order';
CREATE INDEX webhook_deliveries_unapplied ON webhook_deliveries (received_at)
    WHERE outcome IN ('error', 'unconfirmed');
";

const DOWN: &str = "
DROP INDEX webhook_deliveries_unapplied;
DROP INDEX webhook_deliveries_orphans;
DROP INDEX order_events_alerts_at;
DROP INDEX invoices_issued_at;

DROP INDEX payments_refunded_at;
ALTER TABLE payments DROP COLUMN refunded_at;
";
