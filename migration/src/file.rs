//! SQLite's file, made before SQLite makes it: readable by its owner alone, whatever the umask.
//! SQLite gives `-wal` and `-shm` the rights of the file.

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::str::FromStr;

use sea_orm_migration::sea_orm::sqlx::sqlite::SqliteConnectOptions;

const OWNER_ALONE: u32 = 0o600;

/// The file that a URL names; `None` for another database.
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") {
        return None;
    }
    let options = SqliteConnectOptions::from_str(url).ok()?;
    Some(options.get_filename().to_path_buf())
}

/// Makes the file if it is not there and the URL asks for that. A file that is there is left as
/// it is; it is not even opened, for to close it would end SQLite's locks in this process.
///
/// # Errors
/// If it cannot be made.
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
    // The umask has taken away what the owner needs, perhaps.
    made.set_permissions(Permissions::from_mode(OWNER_ALONE))
}
