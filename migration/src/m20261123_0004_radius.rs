//! FreeRADIUS's own tables, as its 3.2 SQL module expects them, so that a stock FreeRADIUS reads
//! what we write.
//!
//! The stock schemas differ by database in types, defaults and indexes, hence two files instead of
//! tokens. They are created without `IF NOT EXISTS`: tables that someone else made, and filled,
//! are not ours to adopt, and `down` would drop them.

use sea_orm_migration::prelude::{
    DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait,
};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = if dialect::speaks_postgres(manager)? {
            include_str!("radius/postgres.sql")
        } else {
            include_str!("radius/sqlite.sql")
        };

        dialect::run(manager, schema).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}

const DOWN: &str = "
DROP TABLE nasreload;
DROP TABLE nas;
DROP TABLE radpostauth;
DROP TABLE radacct;
DROP TABLE radusergroup;
DROP TABLE radgroupreply;
DROP TABLE radgroupcheck;
DROP TABLE radreply;
DROP TABLE radcheck;
";
