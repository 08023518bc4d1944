//! A database for each test, on SQLite and on PostgreSQL.

use std::time::{SystemTime, UNIX_EPOCH};

use sea_orm_migration::sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;

pub async fn connect(url: &str) -> DatabaseConnection {
    Database::connect(url).await.unwrap()
}

/// A SQLite file that does not exist yet; deleted when dropped.
pub struct SqliteFile(TempDir);

impl SqliteFile {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn url(&self) -> String {
        format!("sqlite://{}/malipo.db?mode=rwc", self.0.path().display())
    }
}

/// An empty database on the tests' PostgreSQL.
pub struct PostgresDatabase {
    server: String,
    name: String,
}

impl PostgresDatabase {
    pub async fn create(purpose: &str) -> Self {
        let server = std::env::var("MALIPO_TEST_POSTGRES").expect(
            "set MALIPO_TEST_POSTGRES to a PostgreSQL server that tests may use, \
             such as postgres://postgres@127.0.0.1:5555",
        );
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_nanos();
        let database = Self {
            server,
            name: format!("malipo_migration_{purpose}_{nanos}"),
        };

        database.on_server("CREATE DATABASE").await;
        database
    }

    pub fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    pub async fn drop(self) {
        self.on_server("DROP DATABASE").await;
    }

    async fn on_server(&self, command: &str) {
        let db = connect(&format!("{}/postgres", self.server)).await;
        db.execute_unprepared(&format!("{command} {}", self.name))
            .await
            .unwrap();
        db.close().await.unwrap();
    }
}
