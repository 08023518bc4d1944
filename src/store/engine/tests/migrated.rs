//! Empty databases with the schema, for tests inside the store.

use tempfile::TempDir;

use super::templates::{copy_file, copy_on_server, url_of};
use crate::config::DatabaseConfig;
use crate::domain::people::Secret;
use crate::store::Store;

/// Opens a database that has its schema.
pub(in crate::store) async fn open(url: String) -> Store {
    let config = DatabaseConfig {
        url: Secret::new(url),
        auto_migrate: false,
        ..DatabaseConfig::default()
    };
    Store::open_beside(&config).await.unwrap()
}

/// A store on a file of its own, which is deleted with its folder.
pub(in crate::store) async fn sqlite() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("malipo.db");
    copy_file("migrated", &file, migrate).await;
    (open(url_of(&file)).await, folder)
}

/// The URL of a new database in the PostgreSQL that `scripts/with-postgres` starts.
pub(in crate::store) async fn on_postgres() -> String {
    copy_on_server("migrated", migrate).await
}

async fn migrate(url: &str) {
    migration::up(url).await.unwrap();
}
