//! Vouchers that are printed for cash sales are made in batches; each refers to its batch.

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

/// No foreign key on `batch_id`: SQLite cannot drop such a column.
const UP: &str = "
CREATE TABLE voucher_batches (
    id              {id},
    package_code    text NOT NULL,
    package_name    text NOT NULL,
    price           bigint NOT NULL CHECK (price >= 0),
    count           integer NOT NULL CHECK (count > 0),
    note            text,
    operator        text NOT NULL,
    created_at      {time} NOT NULL
);
ALTER TABLE vouchers ADD COLUMN batch_id bigint;
CREATE INDEX vouchers_batch ON vouchers (batch_id) WHERE batch_id IS NOT NULL;
";

const DOWN: &str = "
DROP INDEX vouchers_batch;
ALTER TABLE vouchers DROP COLUMN batch_id;
DROP TABLE voucher_batches;
";
