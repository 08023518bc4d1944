//! How operators log in: named tokens, passwords, codes of an authenticator, and browsers that are known.

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

// SQLite cannot drop a unique column, so both tables are made anew. Nothing refers to their ids: an
// operator is named, because the token of the configuration has no row. Open sessions stay open.
//
// `password_once` marks a password that an admin has made: its first log-in uses it up, and that session
// must set another. `totp_last_step` is the step of the last code that was used (RFC 6238).
const UP: &str = "
ALTER TABLE operators RENAME TO operators_before;
CREATE TABLE operators (
    id             {id},
    name           text NOT NULL UNIQUE,
    role           text NOT NULL CHECK (role IN ('viewer', 'admin')),
    created_at     {time} NOT NULL,
    disabled_at    {time},
    password_hash  text,
    password_once  boolean NOT NULL DEFAULT false,
    totp_secret    text,
    totp_confirmed boolean NOT NULL DEFAULT false,
    totp_last_step bigint NOT NULL DEFAULT 0
);
INSERT INTO operators (name, role, created_at, disabled_at)
    SELECT name, role, created_at, disabled_at FROM operators_before ORDER BY id;

CREATE TABLE operator_tokens (
    id           {id},
    operator     text NOT NULL,
    label        text NOT NULL,
    token_hash   text NOT NULL UNIQUE,
    created_at   {time} NOT NULL,
    last_used_at {time},
    revoked_at   {time}
);
CREATE UNIQUE INDEX operator_tokens_label ON operator_tokens (operator, label)
    WHERE revoked_at IS NULL;
INSERT INTO operator_tokens (operator, label, token_hash, created_at, revoked_at)
    SELECT name, 'first', token_hash, created_at, disabled_at FROM operators_before ORDER BY id;

CREATE TABLE operator_recovery_codes (
    operator  text NOT NULL,
    code_hash text NOT NULL,
    PRIMARY KEY (operator, code_hash)
);

CREATE TABLE operator_devices (
    device_hash  text NOT NULL,
    operator     text NOT NULL,
    last_used_at {time} NOT NULL,
    PRIMARY KEY (device_hash, operator)
);

DROP INDEX operator_sessions_token;
DROP INDEX operator_sessions_expires_at;
ALTER TABLE operator_sessions RENAME TO operator_sessions_before;
CREATE TABLE operator_sessions (
    id           {id},
    operator     text NOT NULL,
    token_hash   text,
    session_hash text NOT NULL UNIQUE,
    csrf_token   text NOT NULL,
    network      text NOT NULL,
    browser      text NOT NULL,
    must_change  boolean NOT NULL DEFAULT false,
    created_at   {time} NOT NULL,
    expires_at   {time} NOT NULL,
    last_seen_at {time} NOT NULL
);
CREATE INDEX operator_sessions_operator ON operator_sessions (operator);
CREATE INDEX operator_sessions_expires_at ON operator_sessions (expires_at);
INSERT INTO operator_sessions (operator, token_hash, session_hash, csrf_token, network, browser,
        created_at, expires_at, last_seen_at)
    SELECT COALESCE((SELECT name FROM operators_before o WHERE o.token_hash = s.token_hash), 'bootstrap'),
        token_hash, session_hash, csrf_token, '', '', created_at, expires_at, last_seen_at
    FROM operator_sessions_before s;
DROP TABLE operator_sessions_before;
DROP TABLE operators_before;
";

// An operator keeps the oldest token. The others, and passwords, are lost. A name without a token gets a
// text that is no hash, which opens nothing.
const DOWN: &str = "
ALTER TABLE operators RENAME TO operators_after;
CREATE TABLE operators (
    id          {id},
    name        text NOT NULL UNIQUE,
    role        text NOT NULL CHECK (role IN ('viewer', 'admin')),
    token_hash  text NOT NULL UNIQUE,
    created_at  {time} NOT NULL,
    disabled_at {time}
);
INSERT INTO operators (name, role, token_hash, created_at, disabled_at)
    SELECT name, role, COALESCE((SELECT token_hash FROM operator_tokens t
            WHERE t.operator = o.name AND (t.revoked_at IS NULL OR o.disabled_at IS NOT NULL)
            ORDER BY t.id LIMIT 1), 'none of ' || name), created_at, disabled_at
    FROM operators_after o ORDER BY id;

DROP INDEX operator_sessions_operator;
DROP INDEX operator_sessions_expires_at;
ALTER TABLE operator_sessions RENAME TO operator_sessions_after;
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
INSERT INTO operator_sessions (token_hash, session_hash, csrf_token, created_at, expires_at, last_seen_at)
    SELECT token_hash, session_hash, csrf_token, created_at, expires_at, last_seen_at
    FROM operator_sessions_after WHERE token_hash IS NOT NULL;
DROP TABLE operator_sessions_after;
DROP TABLE operators_after;
DROP TABLE operator_devices;
DROP TABLE operator_recovery_codes;
DROP TABLE operator_tokens;
";
