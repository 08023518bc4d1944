//! Customers: phone numbers that have paid at least once, with their sums.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customers")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// `255[67]XXXXXXXX`.
    #[sea_orm(unique)]
    pub phone: String,
    /// As last given by the customer.
    pub name: Option<String>,
    pub orders_paid: i32,
    /// Whole TZS.
    pub total_paid: i64,
    pub first_paid_at: DateTimeUtc,
    pub last_paid_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
