//! Who did what by hand: every write, replay and reveal of an operator.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub at: DateTimeUtc,
    /// The operator's name, kept as text so that it outlives the operator.
    pub operator: String,
    pub action: String,
    pub order_id: Option<Uuid>,
    /// What was acted on, where that is no order or more than one.
    pub subject: String,
    pub detail: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
