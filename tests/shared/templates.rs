//! Databases that are copied from a template. The first test of a run that needs a template fills it; a copy
//! takes milliseconds, and the migrations, or twenty thousand orders, take seconds.

use std::fs::{self, File};
use std::path::Path;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
    TransactionTrait,
};
use uuid::Uuid;

/// The URL of PostgreSQL without a database; without it a test that needs PostgreSQL fails with a message.
fn server_url() -> String {
    std::env::var("MALIPO_TEST_POSTGRES").expect(
        "MALIPO_TEST_POSTGRES is not set: run `./scripts/test`, or `scripts/with-postgres cargo nextest run`",
    )
}

/// Creates a database in PostgreSQL as a copy of a template, which `fill` fills by its URL. Returns its URL.
pub async fn copy_on_server(template: &str, fill: impl AsyncFnOnce(&str)) -> String {
    let server = server_url();
    let admin = connect(&format!("{server}/postgres")).await;
    let exists = format!("SELECT 1 AS one FROM pg_database WHERE datname = '{template}'");
    let exists = || Statement::from_string(DbBackend::Postgres, exists.clone());
    if admin.query_one_raw(exists()).await.unwrap().is_none() {
        // The lock ends with the transaction, and `CREATE DATABASE` needs a connection without one.
        let lock = admin.begin().await.unwrap();
        let sql = format!("SELECT pg_advisory_xact_lock(hashtext('{template}'))");
        lock.execute_unprepared(&sql).await.unwrap();
        if admin.query_one_raw(exists()).await.unwrap().is_none() {
            let unfinished = create_on_server(None).await;
            fill(&unfinished).await;
            let name = unfinished.rsplit('/').next().unwrap();
            let finished = format!("ALTER DATABASE {name} RENAME TO {template}");
            admin.execute_unprepared(&finished).await.unwrap();
        }
        lock.commit().await.unwrap();
    }
    admin.close().await.unwrap();
    create_on_server(Some(template)).await
}

/// Creates a database in PostgreSQL, empty or as a copy of a template that exists. Returns its URL.
pub async fn create_on_server(template: Option<&str>) -> String {
    let server = server_url();
    let name = format!("test_{}", Uuid::new_v4().simple());
    let admin = connect(&format!("{server}/postgres")).await;
    let from = template.map_or_else(String::new, |it| format!(" TEMPLATE {it}"));
    let create = format!("CREATE DATABASE {name}{from}");
    admin.execute_unprepared(&create).await.unwrap();
    admin.close().await.unwrap();
    format!("{server}/{name}")
}

/// Copies a template of SQLite to a file that does not exist yet; `fill` fills the template by its URL. The
/// template's name has the run's id, so that no run uses the schema of an earlier one.
pub async fn copy_file(template: &str, file: &Path, fill: impl AsyncFnOnce(&str)) {
    let Ok(run) = std::env::var("NEXTEST_RUN_ID") else {
        return fill(&url_of(file)).await;
    };
    let program = std::env::current_exe().unwrap();
    // Beside `deps`, where the tests' programs are.
    let folder = program.ancestors().nth(2).unwrap().join("templates");
    let template = folder.join(format!("{template}-{run}.db"));
    if fs::copy(&template, file).is_ok() {
        return;
    }
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    if !template.exists() {
        for other in fs::read_dir(&folder).unwrap().flatten() {
            let name = other.file_name().into_string().unwrap();
            if name != "lock" && !name.contains(&run) {
                // Of an earlier run.
                fs::remove_file(other.path()).unwrap();
            }
        }
        let unfinished = folder.join(format!("unfinished-{}-{run}.db", Uuid::new_v4().simple()));
        fill(&url_of(&unfinished)).await;
        fs::rename(&unfinished, &template).unwrap();
    }
    fs::copy(&template, file).unwrap();
}

/// The URL of a SQLite file, which is made if it does not exist.
pub fn url_of(file: &Path) -> String {
    format!("sqlite://{}?mode=rwc", file.display())
}

/// Few connections to a database, which do not log.
pub async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false).max_connections(2);
    Database::connect(options).await.unwrap()
}
