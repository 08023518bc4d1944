//! Operators who are logged in to the console; the cookie is kept as a hash only.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operator_sessions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub operator_id: i64,
    #[sea_orm(unique)]
    pub session_hash: String,
    /// What a write must repeat in `x-csrf-token`.
    pub csrf_token: String,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub last_seen_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "operator_id", to = "id")]
    pub operator: BelongsTo<super::operators::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
