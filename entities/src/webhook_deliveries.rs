//! The journal of what ZenoPay (or someone in its name) posted to us, as received.
//!
//! Invariant: an order has at most one delivery with outcome `completed`; a partial unique index
//! holds that.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_deliveries")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// As the sender claims it, so perhaps of no order and no UUID at all.
    pub order_id: Option<String>,
    /// What the delivery meant: `completed`, `duplicate`, `stale` and so on.
    pub outcome: String,
    /// Why it was believed; None if it was not.
    pub proof: Option<String>,
    pub source: Option<String>,
    /// The payment status in ZenoPay's own word.
    pub word: Option<String>,
    pub reference: Option<String>,
    /// Whole TZS, if told.
    pub amount: Option<i64>,
    pub received_at: DateTimeUtc,
    /// From receipt to just before the commit.
    pub processing_ms: f64,
    pub content_type: Option<String>,
    pub body: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
