//! SQLite's files. Their owner and the members of `database.group` may read and write them, and one
//! server at a time may use them.
//!
//! SQLite gives `-wal` and `-shm` the mode of the file, and the group of the process that makes them.
//! They exist as long as the database is open, so their group is set after opening.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use migration::file;

use crate::config::{DatabaseConfig, Group};
use crate::store::StoreError;
use crate::store::error::Result;

const OWNER_ALONE: u32 = 0o600;
const OWNER_AND_GROUP: u32 = 0o660;

/// Claims a SQLite file for one server; `None` for PostgreSQL, which many may share.
pub(in crate::store) fn claim(config: &DatabaseConfig) -> Result<Option<File>> {
    let Some(database) = file::sqlite_file(config.url.expose()) else {
        return Ok(None);
    };
    let path = beside(&database, ".lock");
    let failed = |error| {
        let path = path.display();
        StoreError::Unavailable(format!("database.url: {path}: {error}"))
    };
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(OWNER_ALONE)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(database.display().to_string())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Makes the file, if there is none, and gives the group access.
pub(in crate::store) fn prepare(config: &DatabaseConfig) -> Result<()> {
    file::create(config.url.expose())
        .map_err(|error| StoreError::Unavailable(format!("database.url: {error}")))?;
    admit_group(config)
}

/// Gives the group access to each file that exists.
pub(in crate::store) fn admit_group(config: &DatabaseConfig) -> Result<()> {
    let Some(group) = &config.group else {
        return Ok(());
    };
    for path in files(config) {
        if let Err(error) = admit(group, &path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(StoreError::Unavailable(format!(
                "database.group: {} cannot be given to group {}, of which malipo's user must be a member: {error}",
                path.display(),
                group.name
            )));
        }
    }
    Ok(())
}

/// A warning that names the SQLite files that other users may open; `None` if there are none.
pub fn exposed(config: &DatabaseConfig) -> Option<String> {
    let (allowed, group_hint) = match config.group {
        Some(_) => (OWNER_AND_GROUP, ""),
        None => (
            OWNER_ALONE,
            ", or name FreeRADIUS's group in database.group",
        ),
    };
    let open: Vec<String> = files(config)
        .iter()
        .filter(|path| fs::metadata(path).is_ok_and(|file| file.mode() & 0o777 & !allowed != 0))
        .map(|path| path.display().to_string())
        .collect();
    (!open.is_empty()).then(|| {
        let open = open.join(" ");
        format!("open to other users of this machine: `chmod {allowed:o} {open}`{group_hint}")
    })
}

/// Changes only what differs: malipo may not change a file that FreeRADIUS has made and owns.
fn admit(group: &Group, path: &Path) -> io::Result<()> {
    let found = fs::metadata(path)?;
    if found.gid() != group.gid {
        chown(path, None, Some(group.gid))?;
    }
    let mode = found.mode() & 0o777;
    if mode & OWNER_AND_GROUP != OWNER_AND_GROUP {
        fs::set_permissions(path, Permissions::from_mode(mode | OWNER_AND_GROUP))?;
    }
    Ok(())
}

/// The file, its log and the log's index, whether they exist or not.
fn files(config: &DatabaseConfig) -> Vec<PathBuf> {
    let Some(file) = file::sqlite_file(config.url.expose()) else {
        return Vec::new();
    };
    let (log, index) = (beside(&file, "-wal"), beside(&file, "-shm"));
    vec![file, log, index]
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
