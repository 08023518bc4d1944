//! A guest may have the code of a voucher replaced. The payment still has one voucher, which its
//! unique key holds; a code that was replaced stays in the books under `former_payment_id`.

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

/// No foreign key: SQLite cannot take such a column away again.
const UP: &str = "
ALTER TABLE vouchers ADD COLUMN former_payment_id bigint;
CREATE INDEX vouchers_former ON vouchers (former_payment_id) WHERE former_payment_id IS NOT NULL;
";

const DOWN: &str = "
DROP INDEX vouchers_former;
ALTER TABLE vouchers DROP COLUMN former_payment_id;
";
