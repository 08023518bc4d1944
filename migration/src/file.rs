//! Creates SQLite's file before SQLite does, readable only by its owner whatever the umask. SQLite gives
//! `-wal` and `-shm` the permissions of the file.

use std::fs::{OpenOptions, Permissions, canonicalize};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::str::FromStr;

use sea_orm_migration::sea_orm::sqlx::sqlite::SqliteConnectOptions;

const OWNER_ALONE: u32 = 0o600;

/// The path in a SQLite URL, without links if the file exists, as SQLite names the files beside it; `None`
/// for another database.
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") {
        return None;
    }
    let options = SqliteConnectOptions::from_str(url).ok()?;
    let named = options.get_filename();
    Some(canonicalize(named).unwrap_or_else(|_| named.to_path_buf()))
}

/// Creates the file if it does not exist and the URL allows that. An existing file is not changed and not
/// opened, because closing it would release SQLite's locks in this process.
///
/// # Errors
/// If it cannot be created.
pub fn create(url: &str) -> io::Result<()> {
    let Some(path) = sqlite_file(url) else {
        return Ok(());
    };
    if !url.contains("mode=rwc") || path.exists() {
        return Ok(());
    }
    let made = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(OWNER_ALONE)
        .open(path)?;
    // The umask may have removed permissions of the owner.
    made.set_permissions(Permissions::from_mode(OWNER_ALONE))
}
