//! The registered router of a session. A router in a network has many addresses, so the source of its packets
//! does not name it. And an index of the open sessions of each voucher, for the devices over its limit.

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

/// `nasname` is that of the row of `nas`. SQLite reads the index alone only if it has all columns that a query
/// names.
const UP: &str = "
ALTER TABLE radacct ADD COLUMN nasname text;
CREATE INDEX radacct_open_devices ON radacct (username, callingstationid, acctstoptime) WHERE acctstoptime IS NULL;
";

const DOWN: &str = "
DROP INDEX radacct_open_devices;
ALTER TABLE radacct DROP COLUMN nasname;
";
