//! Messages: SMS to customers, webhook deliveries and answers of ZenoPay, order events and the audit log.
//!
//! # Invariants
//! Unique keys limit a payment to one SMS of each kind, and an order to one winning delivery.

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
CREATE TABLE sms_messages (
    id                  {id},
    payment_id          bigint NOT NULL REFERENCES payments (id),
    kind                text NOT NULL,
    phone               text NOT NULL,
    language            text NOT NULL CHECK (language IN ('sw', 'en')),
    body                text NOT NULL,
    reference           text NOT NULL UNIQUE,
    state               text NOT NULL CHECK (state IN ('queued', 'sent', 'failed', 'dead')),
    attempts            integer NOT NULL DEFAULT 0,
    due_at              {time} NOT NULL,
    provider            text,
    provider_message_id text,
    last_error          text,
    created_at          {time} NOT NULL,
    sent_at             {time},
    UNIQUE (payment_id, kind)
);
CREATE INDEX sms_messages_due ON sms_messages (state, due_at);

CREATE TABLE webhook_deliveries (
    id            {id},
    order_id      text,
    outcome       text NOT NULL,
    proof         text,
    source        text,
    word          text,
    reference     text,
    amount        bigint,
    received_at   {time} NOT NULL,
    processing_ms {float} NOT NULL,
    content_type  text,
    body          {bytes} NOT NULL
);
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (order_id, id);
CREATE INDEX webhook_deliveries_outcome ON webhook_deliveries (outcome, id);
CREATE INDEX webhook_deliveries_received_at ON webhook_deliveries (received_at);
CREATE UNIQUE INDEX webhook_deliveries_one_winner ON webhook_deliveries (order_id)
    WHERE outcome = 'completed';

CREATE TABLE gateway_calls (
    id          {id},
    order_id    {uuid} NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('create', 'order_status')),
    at          {time} NOT NULL,
    duration_ms {float} NOT NULL,
    http_status integer,
    answer      text NOT NULL,
    detail      text
);
CREATE INDEX gateway_calls_order ON gateway_calls (order_id, id);

CREATE TABLE order_events (
    id       {id},
    order_id {uuid} NOT NULL,
    at       {time} NOT NULL,
    kind     text NOT NULL,
    level    text NOT NULL CHECK (level IN ('note', 'alert')),
    summary  text NOT NULL
);
CREATE INDEX order_events_order ON order_events (order_id, id);
CREATE INDEX order_events_alerts ON order_events (level, id) WHERE level = 'alert';

CREATE TABLE audit_events (
    id       {id},
    at       {time} NOT NULL,
    operator text NOT NULL,
    action   text NOT NULL,
    order_id {uuid},
    subject  text NOT NULL,
    detail   text
);
CREATE INDEX audit_events_order ON audit_events (order_id);
CREATE INDEX audit_events_at ON audit_events (at);
";

const DOWN: &str = "
DROP TABLE audit_events;
DROP TABLE order_events;
DROP TABLE gateway_calls;
DROP TABLE webhook_deliveries;
DROP TABLE sms_messages;
";
