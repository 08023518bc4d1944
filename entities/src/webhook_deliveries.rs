//! The journal of webhook deliveries, as received.
//!
//! # Invariants
//! An order has at most one delivery with outcome `completed`, because of a partial unique index.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_deliveries")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// As sent, so it may not be an order or even a UUID.
    pub order_id: Option<String>,
    /// The result: `completed`, `duplicate`, `stale` and so on.
    pub outcome: String,
    /// The proof; None if it was not authenticated.
    pub proof: Option<String>,
    pub source: Option<String>,
    /// The payment status in ZenoPay's words.
    pub word: Option<String>,
    pub reference: Option<String>,
    /// Whole TZS, if reported.
    pub amount: Option<i64>,
    pub received_at: DateTimeUtc,
    /// From receipt to just before the commit.
    pub processing_ms: f64,
    pub content_type: Option<String>,
    pub body: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
