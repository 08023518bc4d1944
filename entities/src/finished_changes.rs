//! How often anything that was finished has changed: a single row, with id 1.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "finished_changes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Counted in the transaction of each change, so that who finds it unmoved knows that nothing
    /// has changed.
    pub changes: i64,
}

impl ActiveModelBehavior for ActiveModel {}
