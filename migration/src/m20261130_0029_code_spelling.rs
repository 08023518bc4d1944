//! FreeRADIUS finds a voucher by what a guest types: in any case, with or without blanks and dashes.

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

/// The expression is `stripped_code` in `deploy/freeradius/radiusd.conf`; a query that differs from it
/// reads the whole table.
const UP: &str = "
CREATE INDEX vouchers_spelling ON vouchers (UPPER(REPLACE(REPLACE(code, '-', ''), ' ', '')));
";

const DOWN: &str = "
DROP INDEX vouchers_spelling;
";
