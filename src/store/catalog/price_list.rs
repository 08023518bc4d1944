//! The price list, and changes of it.
//!
//! # Invariants
//! An order keeps its own copy of what was sold, so nothing here changes an order. Every change is
//! logged in the transaction that makes it.

use chrono::{DateTime, Utc};
use entities::{packages, radgroupreply};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait, Value};

use crate::domain::access::Attribute;
use crate::domain::catalog::{CURRENCY, Package, PackageRef, Terms, Tzs};
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::operators::audit_log;
use crate::store::{AuditEntry, Store, rows};

/// The difference between the `sort_order` of a package and the next.
const STEP: i32 = 10;

/// A line of the price list, on sale or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPackage {
    /// What is sold, and for how much.
    pub package: Package,
    /// Since when it is not on sale; `None` while it is.
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
pub enum ListingChange {
    /// It costs this from now on.
    Price(Tzs),
    /// It is no longer on sale.
    Retired,
    /// It is on sale again.
    OnSale,
}

impl Store {
    /// What is on sale, in the shop's order.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn packages_on_sale(&self) -> Result<Vec<Package>> {
        let on_sale = "WHERE retired_at IS NULL ORDER BY sort_order, id";
        let found = sql::models(&self.db(), on_sale, []).await?;
        found.into_iter().map(rows::package).collect()
    }

    /// A package that is on sale; `None` if there is none of that name or it is retired.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn package_on_sale(&self, which: &PackageRef) -> Result<Option<Package>> {
        let (column, name): (_, Value) = match which {
            PackageRef::Id(id) => ("id", (*id).into()),
            PackageRef::Code(code) => ("code", code.as_str().into()),
        };
        let named = format!("WHERE retired_at IS NULL AND {column} = $1");
        let found = sql::model(&self.db(), &named, [name]).await?;
        found.map(rows::package).transpose()
    }

    /// The whole list, in the shop's order.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn price_list(&self) -> Result<Vec<ListedPackage>> {
        let found = sql::models(&self.db(), "ORDER BY sort_order, id", []).await?;
        let listed = |row: packages::Model| {
            Ok(ListedPackage {
                retired_at: row.retired_at,
                package: rows::package(row)?,
            })
        };
        found.into_iter().map(listed).collect()
    }

    /// Adds a package at the end of the list; `false` if there is one of that code, and then
    /// nothing is written.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn add_package(&self, package: NewPackage, audit: AuditEntry) -> Result<bool> {
        let now = self.clock().now();
        self.transaction(move |txn| {
            Box::pin(async move {
                let last = "SELECT COALESCE(MAX(sort_order), 0) FROM packages";
                let last: Option<i32> = sql::tuple(txn, last, []).await?;
                let code = package.terms.code.clone();
                let sort_order = last.unwrap_or(0).saturating_add(STEP);
                let row = new_row(&package, sort_order, now);
                let mut unless_known = OnConflict::column(packages::Column::Code);
                let added = packages::Entity::insert(row)
                    .on_conflict(unless_known.do_nothing().to_owned())
                    .exec_without_returning(txn)
                    .await?;
                if added == 0 {
                    return Ok(false);
                }
                let reply = |reply: Attribute| radgroupreply::ActiveModel {
                    groupname: Set(code.clone()),
                    attribute: Set(reply.name.to_owned()),
                    op: Set(reply.op.to_owned()),
                    value: Set(reply.value),
                    ..Default::default()
                };
                radgroupreply::Entity::insert_many(package.group.into_iter().map(reply))
                    .exec_without_returning(txn)
                    .await?;
                audit_log::insert(txn, &audit, now).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Changes a line; `false` if there is none of that code or nothing would change; then nothing
    /// is written.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn change_listing(
        &self,
        code: String,
        listing: ListingChange,
        audit: AuditEntry,
    ) -> Result<bool> {
        let (line, value): (_, Value) = match listing {
            ListingChange::Price(price) => {
                ("price = $2 WHERE code = $1 AND price <> $2", price.0.into())
            }
            ListingChange::Retired => (
                "retired_at = $2 WHERE code = $1 AND retired_at IS NULL",
                self.clock().now().into(),
            ),
            ListingChange::OnSale => (
                "retired_at = $2 WHERE code = $1 AND retired_at IS NOT NULL",
                None::<DateTime<Utc>>.into(),
            ),
        };
        let update = format!("UPDATE packages SET {line}");
        let values = [code.into(), value];
        self.execute_logged(update, values, Some(audit)).await
    }
}

fn new_row(package: &NewPackage, sort_order: i32, now: DateTime<Utc>) -> packages::ActiveModel {
    let terms = package.terms.clone();
    packages::ActiveModel {
        code: Set(terms.code),
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
        sort_order: Set(sort_order),
        created_at: Set(now),
        ..Default::default()
    }
}
