//! FreeRADIUS: the conditions for log-ins of a group. A group is a package, by its code.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "radgroupcheck")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub groupname: String,
    pub attribute: String,
    /// `:=` sets, `==` compares (the default).
    pub op: String,
    pub value: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
