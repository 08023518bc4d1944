//! Finished orders are not remembered any more, so nothing needs the count of their changes.

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
DROP TABLE finished_changes;
";

/// As migration 0017 made it.
const DOWN: &str = "
CREATE TABLE finished_changes (
    id integer PRIMARY KEY CHECK (id = 1),
    changes bigint NOT NULL
);
INSERT INTO finished_changes (id, changes) VALUES (1, 0);
";
