//! Batches of vouchers that were printed for cash sales. A row copies the values on its cards, because
//! editing a package does not change them.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "voucher_batches")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub package_code: String,
    pub package_name: String,
    /// Price of each voucher, in whole TZS.
    pub price: i64,
    pub count: i32,
    /// Free text, for example where they are sold.
    pub note: Option<String>,
    /// The operator's name as text, so that it remains when the operator is removed.
    pub operator: String,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
