//! The index of open orders includes their deadlines, so that overdue orders are found without reading all
//! others.

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
DROP INDEX payments_open;
CREATE INDEX payments_open ON payments (status, deadline_at) WHERE status IN ('PENDING', 'HELD');
";

const DOWN: &str = "
DROP INDEX payments_open;
CREATE INDEX payments_open ON payments (status) WHERE status IN ('PENDING', 'HELD');
";
