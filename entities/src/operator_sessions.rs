//! Console sessions of operators; the cookie is stored only as a hash.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operator_sessions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The operator's name. No foreign key, because the token of the configuration is in no table.
    pub operator: String,
    /// Hash of the token that opened the session, which ends with that token; null if a password did.
    pub token_hash: Option<String>,
    #[sea_orm(unique)]
    pub session_hash: String,
    /// The value that a write must send in `x-csrf-token`.
    pub csrf_token: String,
    /// The address that it was opened from, or its /64; empty if it is not known.
    pub network: String,
    /// As in `Firefox, Android`.
    pub browser: String,
    /// Whether the operator must set a password before anything else.
    pub must_change: bool,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub last_seen_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
