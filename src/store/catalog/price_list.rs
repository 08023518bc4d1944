//! The price list, as its owner changes it.
//!
//! The rule that must not be broken: an order keeps its own copy of what was sold, so nothing
//! here touches an order; and every change is logged in the transaction that makes it.

use chrono::{DateTime, Utc};
use entities::{packages, radgroupreply};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::domain::access::radius_user::Attribute;
use crate::domain::catalog::money::{CURRENCY, Tzs};
use crate::domain::catalog::package::{Package, Terms};
use crate::store::operators::audit_log;
use crate::store::{AuditEntry, Store, StoreError, rows};

/// Between two packages in the shop's order.
const STEP: i32 = 10;

/// A line of the price list, on sale or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPackage {
    /// What is sold, and for how much.
    pub package: Package,
    /// Since when it is not on sale.
    pub retired_at: Option<DateTime<Utc>>,
}

/// A package that is not on the list yet.
#[derive(Clone)]
pub struct NewPackage {
    /// What the guest gets.
    pub terms: Terms,
    /// What it costs.
    pub price: Tzs,
    /// What its RADIUS group replies to all its vouchers.
    pub group: Vec<Attribute>,
}

/// A change of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// It costs this from now on.
    Price(Tzs),
    /// It is no longer on sale.
    Retired,
    /// It is on sale again.
    OnSale,
}

impl Store {
    /// The whole list, in the shop's order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn price_list(&self) -> Result<Vec<ListedPackage>, StoreError> {
        let store = self.clone();
        self.read(async move {
            packages::Entity::find()
                .order_by_asc(packages::Column::SortOrder)
                .order_by_asc(packages::Column::Id)
                .all(&store.inner.reader)
                .await?
                .into_iter()
                .map(|row| {
                    Ok(ListedPackage {
                        retired_at: row.retired_at,
                        package: rows::package(row)?,
                    })
                })
                .collect()
        })
        .await
    }

    /// Adds a package at the end of the list; `false` if there is one of that code, and then
    /// nothing is written.
    ///
    /// # Errors
    /// The [`StoreError`]; then nothing was written, unless it says that it does not know.
    pub async fn add_package(
        &self,
        package: NewPackage,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let now = self.clock().now();
        self.transaction(move |txn| Box::pin(async move { add(txn, package, &audit, now).await }))
            .await
    }

    /// Changes a line; `false` if there is none of that code or it is so already, and then
    /// nothing is written.
    ///
    /// # Errors
    /// The [`StoreError`]; then nothing was written, unless it says that it does not know.
    pub async fn relist(
        &self,
        code: String,
        listing: Listing,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let now = self.clock().now();
        self.transaction(move |txn| {
            Box::pin(async move { relist(txn, &code, listing, &audit, now).await })
        })
        .await
    }
}

async fn add(
    txn: &DatabaseTransaction,
    package: NewPackage,
    audit: &AuditEntry,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let last = packages::Entity::find()
        .select_only()
        .column(packages::Column::SortOrder)
        .order_by_desc(packages::Column::SortOrder)
        .limit(1)
        .into_tuple::<i32>()
        .one(txn)
        .await?;
    let terms = package.terms;
    let row = packages::ActiveModel {
        code: Set(terms.code.clone()),
        name_sw: Set(terms.name_sw),
        name_en: Set(terms.name_en),
        price: Set(package.price.0),
        currency: Set(CURRENCY.to_owned()),
        duration_minutes: Set(terms.duration_minutes),
        validity: Set(terms.validity.as_str().to_owned()),
        data_limit_mb: Set(terms.data_limit_mb),
        download_kbps: Set(terms.download_kbps),
        upload_kbps: Set(terms.upload_kbps),
        shared_devices: Set(terms.shared_devices),
        sort_order: Set(last.unwrap_or(0).saturating_add(STEP)),
        created_at: Set(now),
        ..Default::default()
    };
    let known = OnConflict::column(packages::Column::Code)
        .do_nothing()
        .to_owned();
    let added = packages::Entity::insert(row)
        .on_conflict(known)
        .exec_without_returning(txn)
        .await?;
    if added == 0 {
        return Ok(false);
    }
    let replies: Vec<_> = package
        .group
        .into_iter()
        .map(|reply| radgroupreply::ActiveModel {
            groupname: Set(terms.code.clone()),
            attribute: Set(reply.name.to_owned()),
            op: Set(reply.op.to_owned()),
            value: Set(reply.value),
            ..Default::default()
        })
        .collect();
    radgroupreply::Entity::insert_many(replies)
        .exec_without_returning(txn)
        .await?;
    audit_log::insert(txn, audit, now).await?;
    Ok(true)
}

async fn relist(
    txn: &DatabaseTransaction,
    code: &str,
    listing: Listing,
    audit: &AuditEntry,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let line = packages::Entity::update_many().filter(packages::Column::Code.eq(code));
    let line = match listing {
        Listing::Price(price) => line
            .col_expr(packages::Column::Price, Expr::value(price.0))
            .filter(packages::Column::Price.ne(price.0)),
        Listing::Retired => line
            .col_expr(packages::Column::RetiredAt, Expr::value(now))
            .filter(packages::Column::RetiredAt.is_null()),
        Listing::OnSale => line
            .col_expr(
                packages::Column::RetiredAt,
                Expr::value(None::<DateTime<Utc>>),
            )
            .filter(packages::Column::RetiredAt.is_not_null()),
    };
    if line.exec(txn).await?.rows_affected == 0 {
        return Ok(false);
    }
    audit_log::insert(txn, audit, now).await?;
    Ok(true)
}
