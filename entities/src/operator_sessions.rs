//! Operators who are logged in to the console; the cookie is kept as a hash only.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operator_sessions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Of the token that opened it; the session ends with that token. No foreign key: the token
    /// of the configuration is in no table.
    pub token_hash: String,
    #[sea_orm(unique)]
    pub session_hash: String,
    /// What a write must repeat in `x-csrf-token`.
    pub csrf_token: String,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub last_seen_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
