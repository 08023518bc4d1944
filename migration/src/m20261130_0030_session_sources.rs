//! Which router a session belongs to: many routers have one NAS-IP-Address, 192.168.88.1. Sessions that
//! are older have neither value, and belong to every router at their NAS-IP-Address.

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

/// `packetsource` is the address that the packets come from. The index has the rows that FreeRADIUS
/// writes at the first Accept of a code.
const UP: &str = "
ALTER TABLE radacct ADD COLUMN nasidentifier text;
ALTER TABLE radacct ADD COLUMN packetsource text;
CREATE INDEX radacct_first_accepts ON radacct (acctstarttime) WHERE acctterminatecause = 'Accept';
";

const DOWN: &str = "
DROP INDEX radacct_first_accepts;
ALTER TABLE radacct DROP COLUMN packetsource;
ALTER TABLE radacct DROP COLUMN nasidentifier;
";
