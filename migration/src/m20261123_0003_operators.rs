//! Operators and their console sessions. Tokens and session cookies are stored only as hashes.

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
CREATE TABLE operators (
    id          {id},
    name        text NOT NULL UNIQUE,
    role        text NOT NULL CHECK (role IN ('viewer', 'admin')),
    token_hash  text NOT NULL UNIQUE,
    created_at  {time} NOT NULL,
    disabled_at {time}
);

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

const DOWN: &str = "
DROP TABLE operator_sessions;
DROP TABLE operators;
";
