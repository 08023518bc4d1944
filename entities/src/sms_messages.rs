//! The outbox of SMS to customers, one of each kind per payment. They are written with the sale and sent
//! later by the relay.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sms_messages")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique_key = "payment_kind")]
    pub payment_id: i64,
    #[sea_orm(unique_key = "payment_kind")]
    pub kind: String,
    /// `255[67]XXXXXXXX`.
    pub phone: String,
    /// `sw` or `en`.
    pub language: String,
    pub body: String,
    /// Our reference of this SMS at the provider; the same at every attempt.
    #[sea_orm(unique)]
    pub reference: String,
    /// `queued`, `sent`, `failed` (will be tried again) or `dead`.
    pub state: String,
    pub attempts: i32,
    /// When the next attempt is due; a lease moves it forward.
    pub due_at: DateTimeUtc,
    pub provider: Option<String>,
    pub provider_message_id: Option<String>,
    pub last_error: Option<String>,
    pub created_at: DateTimeUtc,
    pub sent_at: Option<DateTimeUtc>,
    /// Number of parts, which the provider charges.
    pub parts: i32,
    /// `delivered` or `undelivered`, as reported by the provider.
    pub receipt: Option<String>,
    /// The provider's own word.
    pub receipt_detail: Option<String>,
    pub receipt_at: Option<DateTimeUtc>,
    /// When the provider is asked for a receipt; None is never. A lease moves it forward.
    pub receipt_due_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
