//! Orders are found by the last digits of a phone, and the audit log names an order by its `ref`, because
//! viewers read the log and a complete order id shows a voucher.

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

/// The column `order_id` still has the complete id.
const DOWN: &str = "
DROP INDEX payments_phone_end;
";
