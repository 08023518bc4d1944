//! The link in the SMS has its own secret, so that an order id cannot replace a voucher's code. The order
//! records that its code was replaced, so that the order id does not show the new one.

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

/// Older orders have no token: their links in SMS contain the order id.
const UP: &str = "
ALTER TABLE payments ADD COLUMN owner_token text;
ALTER TABLE payments ADD COLUMN reissued_at {time};
CREATE UNIQUE INDEX payments_owner_token ON payments (owner_token);
UPDATE payments SET reissued_at =
    (SELECT MAX(f.revoked_at) FROM vouchers f WHERE f.former_payment_id = payments.id)
    WHERE id IN (SELECT former_payment_id FROM vouchers WHERE former_payment_id IS NOT NULL);
";

const DOWN: &str = "
DROP INDEX payments_owner_token;
ALTER TABLE payments DROP COLUMN reissued_at;
ALTER TABLE payments DROP COLUMN owner_token;
";
