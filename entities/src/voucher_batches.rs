//! Batches of vouchers that were printed to be sold for cash. A row copies what its cards say, so
//! that editing a package never changes what is on paper.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "voucher_batches")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub package_code: String,
    pub package_name: String,
    /// Of each voucher, in whole TZS.
    pub price: i64,
    pub count: i32,
    /// Where they are sold, or whatever else helps to find them again.
    pub note: Option<String>,
    /// The operator's name, kept as text so that it outlives the operator.
    pub operator: String,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
