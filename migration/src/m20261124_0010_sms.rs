//! The number of parts of an SMS, and the provider's delivery receipt.

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
ALTER TABLE sms_messages ADD COLUMN parts integer NOT NULL DEFAULT 1;
ALTER TABLE sms_messages ADD COLUMN receipt text CHECK (receipt IN ('delivered', 'undelivered'));
ALTER TABLE sms_messages ADD COLUMN receipt_detail text;
ALTER TABLE sms_messages ADD COLUMN receipt_at {time};
ALTER TABLE sms_messages ADD COLUMN receipt_due_at {time};
CREATE INDEX sms_messages_receipt_due_at ON sms_messages (receipt_due_at)
    WHERE receipt_due_at IS NOT NULL;
";

const DOWN: &str = "
DROP INDEX sms_messages_receipt_due_at;
ALTER TABLE sms_messages DROP COLUMN receipt_due_at;
ALTER TABLE sms_messages DROP COLUMN receipt_at;
ALTER TABLE sms_messages DROP COLUMN receipt_detail;
ALTER TABLE sms_messages DROP COLUMN receipt;
ALTER TABLE sms_messages DROP COLUMN parts;
";
