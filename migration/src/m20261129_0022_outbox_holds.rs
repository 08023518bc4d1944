//! A database that was restored from a backup holds SMS and Disconnect-Requests back until an operator
//! decides about those that were queued in the backup.

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

/// At most one row. `deploy/restore` creates the same table if the backup is older than this step.
const UP: &str = "
CREATE TABLE IF NOT EXISTS outbox_holds (
    id integer PRIMARY KEY CHECK (id = 1),
    since {time} NOT NULL
);
";

const DOWN: &str = "
DROP TABLE outbox_holds;
";
