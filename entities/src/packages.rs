//! The price list. An order copies the values that it needs, so that editing a package never changes an
//! existing purchase.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "packages")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Stable name in URLs and the name of its RADIUS group; begins with a letter.
    #[sea_orm(unique)]
    pub code: String,
    pub name_sw: String,
    pub name_en: String,
    /// Whole units of `currency`.
    pub price: i64,
    pub currency: String,
    pub duration_minutes: i32,
    /// When the minutes start to run: `purchase` or `first_login`.
    pub validity: String,
    /// None is unlimited.
    pub data_limit_mb: Option<i32>,
    pub download_kbps: i32,
    pub upload_kbps: i32,
    pub shared_devices: i32,
    /// Lowest first in the portal.
    pub sort_order: i32,
    /// If set, the package is no longer for sale; it remains because old orders refer to it.
    pub retired_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
