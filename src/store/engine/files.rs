//! SQLite's files. Their owner and the members of `database.group` may read and write them, and one
//! server at a time may use them.
//!
//! SQLite gives `-wal` and `-shm` the mode of the file, and the group of the process that makes them.
//! They exist as long as the database is open, so their group is set after opening.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use migration::file;

use super::suitable::cannot_open;
use crate::config::{DatabaseConfig, Group};
use crate::store::StoreError;
use crate::store::error::Result;

const OWNER_ALONE: u32 = 0o600;
const OWNER_AND_GROUP: u32 = 0o660;

/// The claim of one server on a SQLite file: on a lock file beside it, which stays when the database is
/// replaced by a backup, and on the file itself, which may have another name too.
pub(in crate::store) struct Claim {
    _beside: File,
    /// Never closed: that would release the locks that SQLite has on the file in this process.
    database: ManuallyDrop<File>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The locks of a process end with it.
        drop(self.database.unlock());
    }
}

/// Claims a SQLite file, which exists, for one server; `None` for PostgreSQL, which many may share.
pub(in crate::store) fn claim(config: &DatabaseConfig) -> Result<Option<Claim>> {
    let Some(database) = file::sqlite_file(config.url.expose()) else {
        return Ok(None);
    };
    let path = beside(&database, ".lock");
    let failed = |path: &Path, error: io::Error| {
        StoreError::Unusable(format!("{}: {error}", path.display()))
    };
    let lock = |file: &File, path: &Path| match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StoreError::Unusable(format!(
            "another malipo already uses {}; a SQLite file can have one server",
            database.display()
        ))),
        Err(TryLockError::Error(error)) => Err(failed(path, error)),
    };
    let beside = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(OWNER_ALONE)
        .open(&path)
        .map_err(|error| failed(&path, error))?;
    lock(&beside, &path)?;
    let opened = File::open(&database).map_err(|error| failed(&database, error))?;
    let opened = ManuallyDrop::new(opened);
    lock(&opened, &database)?;
    let names = opened.metadata().map_or(1, |file| file.nlink());
    if names > 1 {
        return Err(StoreError::Unusable(format!(
            "{} has {names} names (hard links), and SQLite's log belongs to one of them only: copy it to a file of \
             its own with `cp`, while no server runs, and use that",
            database.display()
        )));
    }
    Ok(Some(Claim {
        _beside: beside,
        database: opened,
    }))
}

/// Makes the file, if there is none, and gives the group access.
pub(in crate::store) fn prepare(config: &DatabaseConfig) -> Result<()> {
    let url = config.url.expose();
    let path = file::sqlite_file(url);
    if file::create(url).is_err() || path.as_deref().is_some_and(|path| !path.is_file()) {
        return Err(StoreError::Unusable(cannot_open(&path.unwrap_or_default())));
    }
    admit_group(config)
}

/// The file of SQLite, if it does not exist.
pub(in crate::store) fn missing(config: &DatabaseConfig) -> Option<PathBuf> {
    file::sqlite_file(config.url.expose()).filter(|file| !file.exists())
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

/// SQLite's log of the database; `None` on PostgreSQL.
pub(in crate::store) fn log_of(url: &str) -> Option<PathBuf> {
    file::sqlite_file(url).map(|file| beside(&file, "-wal"))
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
