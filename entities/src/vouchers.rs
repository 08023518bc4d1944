//! Voucher codes: sold (one per payment) or printed (no payment). The code is RADIUS user name and
//! password.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "vouchers")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub code: String,
    /// None for a printed voucher, and for a code that was replaced.
    #[sea_orm(unique)]
    pub payment_id: Option<i64>,
    /// For a code that was replaced: its payment.
    pub former_payment_id: Option<i64>,
    /// None for a sold voucher.
    pub batch_id: Option<i64>,
    pub package_code: String,
    pub duration_minutes: i32,
    /// When the minutes start to run: `purchase` or `first_login`.
    pub validity: String,
    /// None is unlimited.
    pub data_limit_mb: Option<i32>,
    pub shared_devices: i32,
    pub issued_at: DateTimeUtc,
    /// None until the first log-in, if the validity begins with it.
    pub expires_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
    pub revoked_reason: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::payments::Entity",
        from = "Column::PaymentId",
        to = "super::payments::Column::Id"
    )]
    Payment,
}

impl Related<super::payments::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Payment.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
