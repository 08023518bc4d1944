//! What `malipo check` needs: its calls to the running server, and when the last backup was made.

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

/// `hash` is the SHA-256 of a call's nonce; the server that recognises it fills in the rest. `backups`
/// has at most one row, which `deploy/backup` writes.
const UP: &str = "
CREATE TABLE doctor_calls (
    hash text PRIMARY KEY,
    expires_at {time} NOT NULL,
    peer text,
    client text,
    is_forwarded boolean,
    is_trusted boolean
);

CREATE TABLE backups (
    id integer PRIMARY KEY CHECK (id = 1),
    made_at {time} NOT NULL
);
";

const DOWN: &str = "
DROP TABLE backups;
DROP TABLE doctor_calls;
";
