//! A second charge has another reference, which the guest's phone shows and which must find the order.

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

/// Few orders are charged twice, so the index is nearly empty and costs a sale nothing to maintain.
const UP: &str = "
ALTER TABLE order_events ADD COLUMN reference text;
CREATE INDEX order_events_reference ON order_events (reference) WHERE reference IS NOT NULL;
";

const DOWN: &str = "
DROP INDEX order_events_reference;
ALTER TABLE order_events DROP COLUMN reference;
";
