//! What is finished may be remembered, as long as it is known that nothing finished has changed.

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

/// One row. A sequence would not do: it moves before the change is committed.
const UP: &str = "
CREATE TABLE finished_changes (
    id integer PRIMARY KEY CHECK (id = 1),
    changes bigint NOT NULL
);
INSERT INTO finished_changes (id, changes) VALUES (1, 0);
";

const DOWN: &str = "
DROP TABLE finished_changes;
";
