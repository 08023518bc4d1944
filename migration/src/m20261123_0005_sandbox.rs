//! The tables of the simulated ZenoPay. They are in the database so that a sandbox survives a restart, and
//! separate from the shop's tables, because ZenoPay would not share those.

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
CREATE TABLE sandbox_payments (
    id             {id},
    order_id       text NOT NULL UNIQUE,
    amount         bigint NOT NULL,
    buyer_phone    text NOT NULL,
    webhook_url    text,
    metadata       text,
    payment_status text NOT NULL,
    reference      text,
    transid        text,
    channel        text,
    behaviour      text NOT NULL,
    created_at     {time} NOT NULL,
    decide_at      {time}
);
CREATE INDEX sandbox_payments_decide_at ON sandbox_payments (decide_at);

CREATE TABLE sandbox_webhooks (
    id           {id},
    order_id     text NOT NULL,
    url          text NOT NULL,
    body         text NOT NULL,
    content_type text NOT NULL,
    with_key     boolean NOT NULL,
    due_at       {time} NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    delivered_at {time},
    http_status  integer
);
CREATE INDEX sandbox_webhooks_due ON sandbox_webhooks (delivered_at, due_at);

CREATE TABLE sandbox_switches (
    id         integer PRIMARY KEY CHECK (id = 1),
    behaviour  text NOT NULL,
    updated_at {time} NOT NULL
);
";

const DOWN: &str = "
DROP TABLE sandbox_switches;
DROP TABLE sandbox_webhooks;
DROP TABLE sandbox_payments;
";
