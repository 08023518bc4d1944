//! A database that cannot be used ends the start with one sentence that says what to do, and other
//! spellings of the URL work. `tests/deploy/front_door/databases.py` has passwords, PgBouncer and a replica.

use std::fs;
use std::net::TcpListener;

use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;

use super::start;
use crate::command_line::{code, text};
use crate::harness::process::{Process, malipo};
use crate::harness::{Kind, TestDatabase};

/// What a start on this database prints. It must be one line, and the exit code 1.
fn refusal(url: &str) -> String {
    let folder = TempDir::new().unwrap();
    let refused = start(folder.path(), url);
    let printed = text(&refused.stderr).trim().to_owned();
    assert_eq!(code(&refused), Some(1), "{url}: {printed}");
    assert_eq!(printed.lines().count(), 1, "{url}: {printed}");
    assert!(printed.contains("database.url"), "{url}: {printed}");
    printed
}

async fn on_server(sql: &str) {
    let server = std::env::var("MALIPO_TEST_POSTGRES").unwrap();
    let admin = Database::connect(format!("{server}/postgres"))
        .await
        .unwrap();
    admin.execute_unprepared(sql).await.unwrap();
    admin.close().await.unwrap();
}

#[actix_web::test]
async fn a_postgresql_that_cannot_be_used_is_refused_in_one_sentence() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let (server, name) = database.url.rsplit_once('/').unwrap();
    let new = |purpose: &str| format!("{purpose}_{name}");
    let (latin, fixed) = (new("latin"), new("fixed"));
    on_server(&format!(
        "CREATE DATABASE {latin} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    ))
    .await;
    on_server(&format!("CREATE DATABASE {fixed}")).await;
    on_server(&format!(
        "ALTER DATABASE {fixed} SET default_transaction_read_only = on"
    ))
    .await;
    on_server(&format!("CREATE ROLE {} LOGIN", new("guest"))).await;
    let as_guest = server.replace("postgres@", &format!("{}@", new("guest")));
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();

    for (url, says) in [
        (
            format!("{server}/{latin}"),
            vec!["LATIN1", "--encoding=UTF8"],
        ),
        (
            format!("{server}/{fixed}"),
            vec!["read-only", "default_transaction_read_only = off"],
        ),
        (
            format!("{server}/{name}_none"),
            vec!["no database", "createdb"],
        ),
        (
            server.replace("postgres@", "nobody@"),
            vec!["refuses user nobody", "pg_hba.conf"],
        ),
        (
            format!("{as_guest}/{name}"),
            vec!["may not create or write", "OWNER TO"],
        ),
        (
            format!("postgres://u@{closed}/x"),
            vec!["nothing answers at", "start PostgreSQL"],
        ),
    ] {
        let printed = refusal(&url);
        for words in says {
            assert!(printed.contains(words), "{words}: {printed}");
        }
    }
}

#[actix_web::test]
async fn postgresql_is_found_by_every_form_of_its_url() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let name = database.url.rsplit_once('/').unwrap().1;
    let folder = database.text("SHOW unix_socket_directories").await.unwrap();
    let port = database.text("SHOW port").await.unwrap();

    for url in [
        database.url.replace("postgres://", "postgresql://"),
        format!("postgres://postgres@/{name}?host={folder}&port={port}"),
        format!("postgresql://postgres:unused@/{name}?host={folder}&port={port}"),
    ] {
        let server = Process::serve(&url, &[]);
        assert!(server.base.starts_with("http://"), "{url}");
    }
}

#[test]
fn a_sqlite_file_that_cannot_be_used_is_refused_in_one_sentence() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("directory")).unwrap();
    fs::write(
        at("text"),
        "this is no database, however long it may be ".repeat(100),
    )
    .unwrap();
    let locked = rusqlite::Connection::open(at("locked")).unwrap();
    locked
        .execute_batch("CREATE TABLE t (x); BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)")
        .unwrap();

    for (name, says) in [
        ("directory", "is a directory; name a file in it"),
        ("none/shop.db?mode=rwc", "does not exist; make it"),
        ("none.db", "add ?mode=rwc"),
        ("text", "is no SQLite database"),
        ("locked", "another program has locked"),
    ] {
        let printed = refusal(&format!("sqlite://{}", at(name).display()));
        assert!(printed.contains(says), "{printed}");
    }
}

/// A database that another program has locked while it is migrated.
#[test]
fn a_sqlite_file_that_is_locked_for_a_while_is_named() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/shop.db?mode=rwc", folder.path().display());
    let settings = [("MALIPO__DATABASE__URL", url.as_str())];
    let made = malipo(folder.path(), &settings)
        .arg("migrate")
        .output()
        .unwrap();
    assert_eq!(code(&made), Some(0), "{}", text(&made.stderr));
    let other = rusqlite::Connection::open(folder.path().join("shop.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let refused = start(folder.path(), &url);

    let printed = text(&refused.stderr).trim().to_owned();
    assert_eq!(code(&refused), Some(1), "{printed}");
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert!(printed.contains("another program has locked"), "{printed}");
}
