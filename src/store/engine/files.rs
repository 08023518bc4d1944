//! SQLite's files, which their owner and the members of `database.group` may read.
//!
//! SQLite gives `-wal` and `-shm` the mode of the file, and their maker's group. They are there
//! as long as the database is open, so their group is set after opening.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use migration::file;

use crate::config::{DatabaseConfig, Group};
use crate::store::StoreError;

const OWNER_ALONE: u32 = 0o600;
const OWNER_AND_GROUP: u32 = 0o660;

/// Makes the file, if there is none, and lets the group in.
pub(in crate::store) fn prepare(config: &DatabaseConfig) -> Result<(), StoreError> {
    file::create(config.url.expose())
        .map_err(|error| StoreError::Unavailable(format!("database.url: {error}")))?;
    admit_group(config)
}

/// Lets the group in, to each of the files that is there.
pub(in crate::store) fn admit_group(config: &DatabaseConfig) -> Result<(), StoreError> {
    let Some(group) = &config.group else {
        return Ok(());
    };
    for path in files(config) {
        match admit(group, &path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(StoreError::Unavailable(format!(
                    "database.group: {} cannot be given to group {}, of which malipo's user must be a member: {error}",
                    path.display(),
                    group.name
                )));
            }
        }
    }
    Ok(())
}

/// Which of SQLite's files are open to others, in words; `None` if none is.
pub fn exposed(config: &DatabaseConfig) -> Option<String> {
    let allowed = match config.group {
        Some(_) => OWNER_AND_GROUP,
        None => OWNER_ALONE,
    };
    let open: Vec<String> = files(config)
        .iter()
        .filter(|path| fs::metadata(path).is_ok_and(|file| file.mode() & 0o777 & !allowed != 0))
        .map(|path| path.display().to_string())
        .collect();
    let group_hint = match config.group {
        Some(_) => "",
        None => ", or name FreeRADIUS's group in database.group",
    };
    (!open.is_empty()).then(|| {
        let open = open.join(" ");
        format!("open to other users of this machine: `chmod {allowed:o} {open}`{group_hint}")
    })
}

/// What is right already is left alone: FreeRADIUS owns what it has made.
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

/// The file, its log and its index of that, whether they are there or not.
fn files(config: &DatabaseConfig) -> Vec<PathBuf> {
    let Some(file) = file::sqlite_file(config.url.expose()) else {
        return Vec::new();
    };
    let beside = |suffix: &str| {
        let mut name = file.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    vec![file.clone(), beside("-wal"), beside("-shm")]
}
