//! Consecutive wrong log-ins, by client.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "login_failures")]
pub struct Model {
    /// For wrong tokens an address, or the network that a single client may own (a /64 of IPv6). For wrong
    /// passwords the name, with the browser if it is known.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Since the last successful log-in; old failures are deleted.
    pub failures: i32,
    pub last_failed_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
