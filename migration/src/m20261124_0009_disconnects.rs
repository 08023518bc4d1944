//! The outbox of Disconnect-Requests to routers. They are written in the transaction that ends the
//! voucher.
//!
//! The speeds of a package's group become defaults, so that a voucher keeps its speeds when an operator
//! changes the group. (`:=` in a group overrides the user's own rows.)

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

/// `reference` identifies the session, so that it is queued once by all writers together.
const UP: &str = "
CREATE TABLE outbox_messages (
    id              {id},
    kind            text NOT NULL CHECK (kind IN ('disconnect')),
    reference       text NOT NULL UNIQUE,
    order_id        {uuid},
    reason          text NOT NULL,
    voucher_code    text NOT NULL,
    router          text NOT NULL,
    session_id      text NOT NULL,
    device_address  text,
    device_station  text,
    state           text NOT NULL CHECK (state IN ('queued', 'sent', 'failed', 'dead')),
    attempts        integer NOT NULL DEFAULT 0,
    due_at          {time} NOT NULL,
    result          text,
    last_error      text,
    created_at      {time} NOT NULL,
    sent_at         {time}
);
CREATE INDEX outbox_messages_due ON outbox_messages (state, due_at);
CREATE INDEX outbox_messages_order ON outbox_messages (order_id);

UPDATE radgroupreply SET op = '='
WHERE op = ':=' AND attribute IN ('Mikrotik-Rate-Limit', 'WISPr-Bandwidth-Max-Up',
    'WISPr-Bandwidth-Max-Down', 'Acct-Interim-Interval', 'Idle-Timeout');
";

const DOWN: &str = "
UPDATE radgroupreply SET op = ':='
WHERE op = '=' AND attribute IN ('Mikrotik-Rate-Limit', 'WISPr-Bandwidth-Max-Up',
    'WISPr-Bandwidth-Max-Down', 'Acct-Interim-Interval', 'Idle-Timeout');
DROP TABLE outbox_messages;
";
