//! The audit log: every write, replay and unmasking by an operator.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub at: DateTimeUtc,
    /// The operator's name as text, so that it remains when the operator is removed.
    pub operator: String,
    pub action: String,
    pub order_id: Option<Uuid>,
    /// The subject, if it is not exactly one order.
    pub subject: String,
    pub detail: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
