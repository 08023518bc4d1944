//! The price list.

use entities::packages;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::domain::catalog::package::Package;
use crate::domain::catalog::purchase::PackageRef;
use crate::store::{Store, StoreError, rows};

impl Store {
    /// What is on sale, in the shop's order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn packages_on_sale(&self) -> Result<Vec<Package>, StoreError> {
        let store = self.clone();
        self.read(async move {
            packages::Entity::find()
                .filter(packages::Column::RetiredAt.is_null())
                .order_by_asc(packages::Column::SortOrder)
                .order_by_asc(packages::Column::Id)
                .all(&store.inner.reader)
                .await?
                .into_iter()
                .map(rows::package)
                .collect()
        })
        .await
    }

    /// A package that is on sale; `None` if there is none of that name or it is retired.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn package_on_sale(&self, which: &PackageRef) -> Result<Option<Package>, StoreError> {
        let named = match which {
            PackageRef::Id(id) => packages::Column::Id.eq(*id),
            PackageRef::Code(code) => packages::Column::Code.eq(code.as_str()),
        };
        let store = self.clone();
        self.read(async move {
            packages::Entity::find()
                .filter(packages::Column::RetiredAt.is_null())
                .filter(named)
                .one(&store.inner.reader)
                .await?
                .map(rows::package)
                .transpose()
        })
        .await
    }
}
