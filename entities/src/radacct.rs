//! FreeRADIUS: sessions. FreeRADIUS writes them.
//!
//! On SQLite its stock queries store times as Unix epoch integers. They are read here as times, but a
//! comparison in SQL with another time would compare a number with a text: use `IS NULL`.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "radacct")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub radacctid: i64,
    pub acctsessionid: String,
    #[sea_orm(unique)]
    pub acctuniqueid: String,
    pub username: Option<String>,
    /// `inet` on PostgreSQL, where it reads with its prefix length: `10.0.0.1/32`.
    #[sea_orm(select_as = "text")]
    pub nasipaddress: String,
    /// What the router calls itself; None if the session is older than this column, as the next.
    pub nasidentifier: Option<String>,
    /// The address that its packets come from.
    pub packetsource: Option<String>,
    /// The row of `nas` by which FreeRADIUS knew the router; None if there was none, or before this column.
    pub nasname: Option<String>,
    pub nasportid: Option<String>,
    pub acctstarttime: Option<DateTimeUtc>,
    pub acctupdatetime: Option<DateTimeUtc>,
    /// None while the session is open.
    pub acctstoptime: Option<DateTimeUtc>,
    pub acctsessiontime: Option<i64>,
    /// Bytes uploaded by the customer.
    pub acctinputoctets: Option<i64>,
    /// Bytes downloaded by the customer.
    pub acctoutputoctets: Option<i64>,
    pub calledstationid: Option<String>,
    pub callingstationid: Option<String>,
    pub acctterminatecause: Option<String>,
    /// `inet` on PostgreSQL, as `nasipaddress`; empty and not None on SQLite.
    #[sea_orm(select_as = "text")]
    pub framedipaddress: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
