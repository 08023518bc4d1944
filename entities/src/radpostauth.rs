//! FreeRADIUS: accepted and refused log-ins, written by FreeRADIUS. `pass` is a voucher code.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "radpostauth")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub username: String,
    pub pass: Option<String>,
    pub reply: Option<String>,
    /// On SQLite in the RADIUS server's own time zone, read as if it were UTC.
    pub authdate: DateTimeUtc,
    pub class: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
