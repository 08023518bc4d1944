//! A guest may have the code of a voucher replaced. The payment still has one voucher, as its unique key
//! requires; the former code stays in the table with `former_payment_id`.

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

/// No foreign key: SQLite cannot drop such a column.
const UP: &str = "
ALTER TABLE vouchers ADD COLUMN former_payment_id bigint;
CREATE INDEX vouchers_former ON vouchers (former_payment_id) WHERE former_payment_id IS NOT NULL;
";

const DOWN: &str = "
DROP INDEX vouchers_former;
ALTER TABLE vouchers DROP COLUMN former_payment_id;
";
