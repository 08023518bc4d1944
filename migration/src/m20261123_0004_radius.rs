//! The tables of FreeRADIUS 3.2's SQL module, so that a stock FreeRADIUS reads the rows of malipo.
//!
//! The stock schemas differ by database in types, defaults and indexes, hence two files instead of
//! tokens. There is no `IF NOT EXISTS`: existing tables belong to another installation, and `down` would
//! drop them.

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
