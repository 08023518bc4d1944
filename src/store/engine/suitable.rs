//! Whether a database can be used at all. If not, the start fails with one sentence that says what to do.

use std::path::Path;
use std::str::FromStr;

use migration::file;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sea_orm::sqlx::{self, ConnectOptions, Connection, Executor, Row};
use sea_orm::{DbErr, RuntimeErr};

use super::pool::ACQUIRE_TIMEOUT;
use super::runtime::in_time;
use crate::store::StoreError;
use crate::store::error::{Result, sqlite_code};

/// The oldest PostgreSQL that is still maintained by its project.
const OLDEST: i32 = 140_000;

/// A new database needs the right to create tables, and one with tables the right to write them.
const FACTS: &str = "SELECT current_setting('server_version_num')::int, \
     current_setting('server_encoding'), \
     COALESCE(CASE WHEN to_regclass('payments') IS NULL \
         THEN has_schema_privilege(current_schema(), 'CREATE') \
         ELSE has_table_privilege(to_regclass('payments'), 'SELECT') \
             AND has_table_privilege(to_regclass('payments'), 'INSERT') \
             AND has_table_privilege(to_regclass('payments'), 'UPDATE') END, false)";
/// Whether PostgreSQL is a replica, and whether it is read-only.
pub(super) const STATE: &str =
    "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";
const SERVER: &str = "SELECT pg_backend_pid()";

/// Connects to PostgreSQL outside the pools, which would hide the reason of a refusal behind "timed out",
/// and looks at what it is.
pub(super) async fn test(url: &str) -> Result<()> {
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        unusable("is not a URL of PostgreSQL; write postgres://USER:PASSWORD@HOST/DATABASE")
    })?;
    let options = options.extra_float_digits(None);
    let refused = |error| unusable(refusal(&options, &error));
    let mut first = in_time(ACQUIRE_TIMEOUT, options.connect())
        .await
        .map_err(refused)?;
    let facts = in_time(ACQUIRE_TIMEOUT, first.fetch_one(FACTS)).await;
    let state = in_time(ACQUIRE_TIMEOUT, first.fetch_one(STATE)).await;
    let fault = facts.and_then(|facts| fault(&facts, &state?, &options));
    if let Some(fault) = fault.map_err(refused)? {
        return Err(unusable(fault));
    }
    let mut second = in_time(ACQUIRE_TIMEOUT, options.connect())
        .await
        .map_err(refused)?;
    let shared = in_time(ACQUIRE_TIMEOUT, is_shared(&mut first, &mut second)).await;
    if shared.map_err(refused)? {
        return Err(unusable(
            "leads to a connection pooler in transaction mode, which mixes the sessions of its clients; \
             set pool_mode = session for this database in PgBouncer, or connect to PostgreSQL itself",
        ));
    }
    for connection in [first, second] {
        drop(in_time(ACQUIRE_TIMEOUT, connection.close()).await);
    }
    Ok(())
}

fn unusable(why: impl Into<String>) -> StoreError {
    StoreError::Unusable(why.into())
}

/// What is wrong with this database, and what to do.
fn fault(
    facts: &PgRow,
    state: &PgRow,
    options: &PgConnectOptions,
) -> Result<Option<String>, sqlx::Error> {
    let (version, encoding): (i32, String) = (facts.try_get(0)?, facts.try_get(1)?);
    let has_rights: bool = facts.try_get(2)?;
    let (is_replica, is_read_only): (bool, bool) = (state.try_get(0)?, state.try_get(1)?);
    let (user, name) = (options.get_username(), database(options));
    Ok(if version < OLDEST {
        let (major, oldest) = (version / 10_000, OLDEST / 10_000);
        Some(format!(
            "leads to PostgreSQL {major}; upgrade it to {oldest} or later"
        ))
    } else if encoding != "UTF8" {
        Some(format!(
            "the database {name} has the encoding {encoding}, which cannot store every name and text; \
             create one with `createdb --encoding=UTF8 --template=template0 NAME` and move the data by \
             pg_dump"
        ))
    } else if is_replica {
        Some("leads to a replica, which accepts no writes; name the primary server".to_owned())
    } else if is_read_only {
        Some(format!(
            "the database {name} is read-only for user {user}; set default_transaction_read_only = off, \
             or name the primary server"
        ))
    } else if !has_rights {
        Some(format!(
            "user {user} may not create or write malipo's tables in the database {name}; run \
             `ALTER DATABASE {name} OWNER TO {user}` if it is new, or give this user the tables' rights"
        ))
    } else {
        None
    })
}

fn database(options: &PgConnectOptions) -> &str {
    // PostgreSQL's own rule.
    options.get_database().unwrap_or(options.get_username())
}

/// Whether two connections share one of PostgreSQL's sessions, which a pooler in transaction mode lends to
/// another client after each transaction.
async fn is_shared(
    first: &mut PgConnection,
    second: &mut PgConnection,
) -> Result<bool, sqlx::Error> {
    let before: i32 = first.fetch_one(SERVER).await?.try_get(0)?;
    second.execute("BEGIN").await?;
    let others: i32 = second.fetch_one(SERVER).await?.try_get(0)?;
    let after: i32 = first.fetch_one(SERVER).await?.try_get(0)?;
    second.execute("ROLLBACK").await?;
    Ok(before == others || before != after)
}

/// Why PostgreSQL, or what is in front of it, cannot be used.
fn refusal(options: &PgConnectOptions, error: &sqlx::Error) -> String {
    let (user, name) = (options.get_username(), database(options));
    let place = match options.get_socket() {
        Some(socket) => format!("the socket in {}", socket.display()),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let sqlx::Error::Database(answer) = error else {
        return match error {
            sqlx::Error::Io(error) => format!(
                "nothing answers at {place} ({error}); start PostgreSQL, or correct host and port"
            ),
            error => format!("the connection to {place} failed: {error}"),
        };
    };
    let said = answer.message().trim_end_matches(['\n', '.']);
    match answer.code().as_deref() {
        Some("28P01" | "28000") => format!(
            "{place} refuses user {user} ({said}); correct user and password, or pg_hba.conf"
        ),
        Some("3D000") => format!(
            "there is no database {name} at {place}; create it with \
             `createdb --encoding=UTF8 --template=template0 --owner={user} {name}`"
        ),
        Some("42501") => format!(
            "user {user} may not use the database {name} ({said}); run \
             `ALTER DATABASE {name} OWNER TO {user}`"
        ),
        Some("53300") => format!(
            "{place} has no free connection ({said}); raise max_connections, malipo needs 27"
        ),
        Some("57P03") => format!("{place} cannot be used yet ({said}); wait until it has started"),
        _ if said.contains("no such database") => {
            format!("the pooler at {place} has no database {name}; add it to [databases]")
        }
        _ if said.contains("startup parameter") => format!(
            "the pooler at {place} refuses a setting ({said}); add it to ignore_startup_parameters, \
             or remove it from the URL"
        ),
        _ if said.contains("transaction blocks not allowed") => {
            "leads to a connection pooler in statement mode; set pool_mode = session".to_owned()
        }
        _ => format!("{place} refuses the connection: {said}; see the server's log"),
    }
}

/// Why a SQLite file cannot be opened.
pub(super) fn sqlite_refusal(url: &str, error: DbErr) -> StoreError {
    let path = file::sqlite_file(url).unwrap_or_default();
    let code = match &error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => match &**cause {
            sqlx::Error::Database(refusal) => sqlite_code(&**refusal),
            // Only a lock takes so long.
            sqlx::Error::PoolTimedOut => Some(5),
            _ => None,
        },
        DbErr::ConnectionAcquire(_) => Some(5),
        _ => None,
    };
    let shown = path.display();
    unusable(match code {
        Some(5 | 6) => format!("another program has locked {shown}; end it, and start again"),
        Some(8) => format!(
            "{shown} is read-only; malipo's user must be able to write the file and its folder"
        ),
        Some(13) => format!("the disk of {shown} is full; make room"),
        Some(14) => cannot_open(&path),
        Some(26) => {
            format!("{shown} is no SQLite database; name another file, or move this one away")
        }
        _ => format!("{shown} cannot be opened: {error}"),
    })
}

/// Why a file that may not exist cannot be opened or made.
pub(super) fn cannot_open(path: &Path) -> String {
    let shown = path.display();
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if path.is_dir() {
        format!("{shown} is a directory; name a file in it")
    } else if folder.is_some_and(|folder| !folder.is_dir()) {
        format!("the folder of {shown} does not exist; make it")
    } else if path.exists() {
        format!("{shown} cannot be opened; malipo's user must be able to read and write it")
    } else {
        format!(
            "{shown} does not exist or cannot be made; add ?mode=rwc to make it, and let malipo's user \
             write the folder"
        )
    }
}
