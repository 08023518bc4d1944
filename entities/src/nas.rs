//! FreeRADIUS: the routers that may send requests.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "nas")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    /// Address or network of the router.
    pub nasname: String,
    /// Required on PostgreSQL.
    pub shortname: Option<String>,
    #[sea_orm(column_name = "type")]
    pub nas_type: Option<String>,
    pub ports: Option<i32>,
    pub secret: String,
    pub server: Option<String>,
    pub community: Option<String>,
    pub description: Option<String>,
    /// `auto`, `yes` or `no`; FreeRADIUS before the BlastRADIUS fixes does not read it.
    pub require_ma: String,
    /// `auto`, `yes` or `no`; the same.
    pub limit_proxy_state: String,
    /// The router's NAS-Identifier, by which routers behind one address are told apart.
    pub identifier: Option<String>,
    /// The first and the last address of a network, in hex digits; None for one address, and for `any`.
    pub range_first: Option<String>,
    pub range_last: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
