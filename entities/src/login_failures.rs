//! Wrong log-ins in a row, by where they came from.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "login_failures")]
pub struct Model {
    /// An address, or the network that one client can have all of.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Since the last right one; old ones are forgotten.
    pub failures: i32,
    pub last_failed_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
