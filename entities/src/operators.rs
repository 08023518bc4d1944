//! Operators, their passwords (Argon2id), and the secrets of their authenticators.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operators")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub name: String,
    /// `viewer` or `admin`.
    pub role: String,
    pub created_at: DateTimeUtc,
    pub disabled_at: Option<DateTimeUtc>,
    /// As a PHC string; null without a password.
    pub password_hash: Option<String>,
    /// Whether an admin has made the password: its first log-in uses it up.
    pub password_once: bool,
    /// In base32, as an authenticator reads it.
    pub totp_secret: Option<String>,
    /// Whether a code of the authenticator was seen, so that each log-in needs one.
    pub totp_confirmed: bool,
    /// The step of the last code that was used; it and earlier ones are refused.
    pub totp_last_step: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
