//! Books with their schema, for tests that look at a store from inside.

use tempfile::TempDir;

use super::Store;
use crate::config::DatabaseConfig;
use crate::domain::secret::Secret;

/// Brings a database up to date and opens it.
pub(super) async fn open(url: String) -> Store {
    migration::up(&url).await.unwrap();
    let config = DatabaseConfig {
        url: Secret::new(url),
        auto_migrate: false,
        ..DatabaseConfig::default()
    };
    Store::open_beside(&config).await.unwrap()
}

/// In a file of its own, which is gone with its folder.
pub(super) async fn sqlite() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/books.db?mode=rwc", folder.path().display());
    (open(url).await, folder)
}
