//! Every call to ZenoPay about an order, with the interpretation of its answer.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "gateway_calls")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub order_id: Uuid,
    /// `create` or `order_status`.
    pub kind: String,
    pub at: DateTimeUtc,
    pub duration_ms: f64,
    /// None without an answer.
    pub http_status: Option<i32>,
    /// The interpretation of the answer, not its text.
    pub answer: String,
    pub detail: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
