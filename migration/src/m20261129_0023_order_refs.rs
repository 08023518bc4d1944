//! Orders are found by the last digits of a phone, and the audit log names an order by its `ref`:
//! viewers read it, and a whole order id opens a voucher.

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

/// A stored phone has twelve characters.
const UP: &str = "
CREATE INDEX payments_phone_end ON payments (substr(phone, 9, 4));
UPDATE audit_events SET subject = substr(subject, 1, 14)
WHERE subject LIKE 'order ________-____-____-____-____________';
";

/// The row's order_id still has what the subject has lost.
const DOWN: &str = "
DROP INDEX payments_phone_end;
";
