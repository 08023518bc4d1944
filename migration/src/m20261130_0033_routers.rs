//! Routers that share an address, or have none of their own; when each was last heard; the tunnels of
//! routers behind NAT.

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

/// `range_first` and `range_last` are the addresses of a network in hex digits: SQLite cannot compare
/// addresses. Times of `router_status` are seconds since 1970; FreeRADIUS writes all but the last two.
/// `router_tunnels` has keys, which FreeRADIUS must not read; its router 0 is the server.
const UP: &str = "
ALTER TABLE nas ADD COLUMN identifier text;
ALTER TABLE nas ADD COLUMN range_first text;
ALTER TABLE nas ADD COLUMN range_last text;

CREATE TABLE router_status (
    router_id integer PRIMARY KEY,
    accepted_at bigint,
    rejected_at bigint,
    signed_at bigint,
    unsigned_at bigint,
    accounted_at bigint,
    disconnected_at bigint,
    disconnect_result text
);

CREATE TABLE router_tunnels (
    router_id integer PRIMARY KEY,
    host integer NOT NULL UNIQUE,
    private_key text NOT NULL
);

CREATE INDEX radacct_silent ON radacct (acctstoptime) WHERE acctterminatecause = 'Silent';
";

const DOWN: &str = "
DROP INDEX radacct_silent;
DROP TABLE router_tunnels;
DROP TABLE router_status;
ALTER TABLE nas DROP COLUMN range_last;
ALTER TABLE nas DROP COLUMN range_first;
ALTER TABLE nas DROP COLUMN identifier;
";
