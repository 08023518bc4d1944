//! The failure reason of an order becomes one of a few words, which a guest may read. The text that an
//! operator typed and the gateway's text get their own columns, which only admins see.

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

/// A text that is not one of the gateway's words came with a refused push, if such a call is stored. Notes
/// in the timeline repeated the operator's text; the audit log still has it, so `down` does not need them.
const UP: &str = "
ALTER TABLE payments ADD COLUMN gateway_word text;
ALTER TABLE payments ADD COLUMN operator_reason text;

UPDATE payments SET operator_reason = failure_reason, failure_reason = 'refunded'
    WHERE status = 'REFUNDED';
UPDATE payments SET gateway_word = failure_reason, failure_reason = 'cancelled'
    WHERE status = 'CANCELLED' AND failure_reason IS NOT NULL;
UPDATE payments SET failure_reason = 'expired'
    WHERE status = 'EXPIRED' AND failure_reason = 'not paid in time';
UPDATE payments SET failure_reason = 'underpaid'
    WHERE status = 'HELD' AND failure_reason LIKE 'paid % TZS less than the price';
UPDATE payments SET failure_reason = 'other'
    WHERE status = 'HELD' AND failure_reason LIKE 'paid in % instead of TZS';
UPDATE payments SET gateway_word = failure_reason, failure_reason = CASE
        WHEN upper(trim(failure_reason)) IN ('INSUFFICIENT_BALANCE', 'INSUFFICIENT_FUNDS')
            THEN 'no_funds'
        WHEN upper(trim(failure_reason)) = 'INVALID_PIN' THEN 'wrong_pin'
        WHEN upper(trim(failure_reason)) IN ('REJECTED', 'DECLINED') THEN 'declined'
        WHEN upper(trim(failure_reason)) IN ('FAILED', 'ERROR') THEN 'other'
        WHEN status = 'FAILED' AND EXISTS (SELECT 1 FROM gateway_calls c
            WHERE c.order_id = payments.order_id AND c.kind = 'create' AND c.answer = 'refused')
            THEN 'gateway_refused'
        ELSE 'other' END
    WHERE failure_reason NOT IN ('refunded', 'cancelled', 'expired', 'underpaid', 'other');

UPDATE order_events SET summary = 'released by an operator' WHERE kind = 'released';
UPDATE order_events SET summary = 'refused by an operator' WHERE kind = 'refused';
UPDATE order_events SET summary = 'refunded by an operator' WHERE kind = 'refunded';
UPDATE order_events SET summary = 'voucher revoked by an operator' WHERE kind = 'voucher_revoked';
";

const DOWN: &str = "
UPDATE payments SET failure_reason = CASE
        WHEN failure_reason = 'refunded' THEN COALESCE(operator_reason, failure_reason)
        WHEN failure_reason = 'expired' THEN 'not paid in time'
        WHEN failure_reason = 'underpaid' AND paid_amount IS NOT NULL
            THEN 'paid ' || (amount - paid_amount) || ' TZS less than the price'
        ELSE COALESCE(gateway_word, failure_reason) END
    WHERE failure_reason IS NOT NULL;

ALTER TABLE payments DROP COLUMN operator_reason;
ALTER TABLE payments DROP COLUMN gateway_word;
";
