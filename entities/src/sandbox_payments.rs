//! The payments of the simulated ZenoPay.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sandbox_payments")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// As sent by the merchant, so any text.
    #[sea_orm(unique)]
    pub order_id: String,
    /// Whole TZS.
    pub amount: i64,
    pub buyer_phone: String,
    pub webhook_url: Option<String>,
    /// JSON, echoed in the webhook.
    pub metadata: Option<String>,
    /// In ZenoPay's own words.
    pub payment_status: String,
    pub reference: Option<String>,
    pub transid: Option<String>,
    pub channel: Option<String>,
    /// JSON: the misbehaviour of this payment.
    pub behaviour: String,
    pub created_at: DateTimeUtc,
    /// When the simulated subscriber decides; None if a person decides.
    pub decide_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
