//! Console sessions that end with the token that opened them, counts of wrong log-ins, and two more
//! indexes for the search.
//!
//! The index of orders that ended without a payment is partial. A sale changes PENDING to COMPLETED, so it
//! never writes to that index.

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

// Existing sessions end. A session refers to the token that opened it and not to an operator: the
// bootstrap token has no row, and changing a token must end its sessions.
const UP: &str = "
DROP TABLE operator_sessions;
CREATE TABLE operator_sessions (
    id           {id},
    token_hash   text NOT NULL,
    session_hash text NOT NULL UNIQUE,
    csrf_token   text NOT NULL,
    created_at   {time} NOT NULL,
    expires_at   {time} NOT NULL,
    last_seen_at {time} NOT NULL
);
CREATE INDEX operator_sessions_token ON operator_sessions (token_hash);
CREATE INDEX operator_sessions_expires_at ON operator_sessions (expires_at);

CREATE TABLE login_failures (
    subject        text PRIMARY KEY,
    failures       integer NOT NULL,
    last_failed_at {time} NOT NULL
);

CREATE INDEX payments_transid ON payments (transid) WHERE transid IS NOT NULL;
CREATE INDEX payments_not_sold ON payments (status, id)
    WHERE status IN ('FAILED', 'CANCELLED', 'EXPIRED', 'REFUNDED');
";

const DOWN: &str = "
DROP INDEX payments_not_sold;
DROP INDEX payments_transid;
DROP TABLE login_failures;
DROP TABLE operator_sessions;
CREATE TABLE operator_sessions (
    id           {id},
    operator_id  bigint NOT NULL REFERENCES operators (id),
    session_hash text NOT NULL UNIQUE,
    csrf_token   text NOT NULL,
    created_at   {time} NOT NULL,
    expires_at   {time} NOT NULL,
    last_seen_at {time} NOT NULL
);
";
