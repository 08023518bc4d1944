//! Notes, alerts and reasons in the timeline of an order, in addition to the rows of other tables.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub order_id: Uuid,
    pub at: DateTimeUtc,
    pub kind: String,
    /// `note`, or `alert` if an operator should look at it.
    pub level: String,
    pub summary: String,
    /// ZenoPay's reference of the payment concerned, if it differs from the order's.
    pub reference: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
