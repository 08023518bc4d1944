//! Empty databases with the schema, for tests inside the store.

use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;
use uuid::Uuid;

use crate::config::DatabaseConfig;
use crate::domain::people::Secret;
use crate::store::Store;

/// Brings a database up to date and opens it.
pub(in crate::store) async fn open(url: String) -> Store {
    migration::up(&url).await.unwrap();
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
    let url = format!("sqlite://{}/malipo.db?mode=rwc", folder.path().display());
    (open(url).await, folder)
}

/// The URL of a new database in the PostgreSQL that `scripts/with-postgres` starts.
pub(in crate::store) async fn on_postgres() -> String {
    let server = std::env::var("MALIPO_TEST_POSTGRES")
        .expect("MALIPO_TEST_POSTGRES is not set: run `scripts/with-postgres cargo nextest run`");
    let name = format!("store_{}", Uuid::new_v4().simple());
    let admin = Database::connect(format!("{server}/postgres"))
        .await
        .unwrap();
    admin
        .execute_unprepared(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    admin.close().await.unwrap();
    format!("{server}/{name}")
}
