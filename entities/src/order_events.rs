//! What the timeline of an order shows beside the rows of the other tables: notes, alerts, reasons.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub order_id: Uuid,
    pub at: DateTimeUtc,
    pub kind: String,
    /// `note`, or `alert` for what an operator should look at.
    pub level: String,
    pub summary: String,
    /// ZenoPay's number of the payment that it tells of, where that is not the order's own.
    pub reference: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
