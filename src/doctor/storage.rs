//! Room on the disks, and the newest backup.

use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use migration::file;

use super::front::LOOK_AT_DATABASE;
use crate::config::Config;
use crate::domain::health::Finding;
use crate::store::Store;

/// With less, a checkpoint of SQLite or an archive of a day may not fit.
const LEAST_BYTES: u64 = 64 << 20;
/// Below this share of the disk an operator should make room.
const LOW_PERCENT: u64 = 10;
/// A daily backup, with time to be late.
const BACKUP_WITHIN: TimeDelta = TimeDelta::hours(26);
/// Two daily backups have failed.
const BACKUP_LOST: TimeDelta = TimeDelta::hours(50);

/// The disk of each folder that the server writes to.
pub(super) fn disk(config: &Config) -> Finding {
    const CHECK: &str = "disk";
    let mut worst: Option<(u64, u64, PathBuf)> = None;
    for folder in folders(config) {
        match room(&folder) {
            Ok((free, all)) => {
                if worst.as_ref().is_none_or(|(least, ..)| free < *least) {
                    worst = Some((free, all, folder));
                }
            }
            Err(error) => {
                let detail = format!("{}: {error}", folder.display());
                return Finding::failed(CHECK, detail, "Make the folder, or name another");
            }
        }
    }
    match worst {
        Some((free, all, folder)) => judge(free, all, &folder),
        None => Finding::skipped(
            CHECK,
            "the server writes no file here; look at PostgreSQL's disk",
        ),
    }
}

fn judge(free: u64, all: u64, folder: &Path) -> Finding {
    const CHECK: &str = "disk";
    let detail = format!(
        "{} MB free of {} MB in {}",
        free >> 20,
        all >> 20,
        folder.display()
    );
    let hint = "docs/operations.md, The disk is full";
    if free < LEAST_BYTES {
        Finding::failed(CHECK, detail, hint)
    } else if free < all / 100 * LOW_PERCENT {
        Finding::warning(CHECK, detail, hint)
    } else {
        Finding::ok(CHECK, detail)
    }
}

fn folders(config: &Config) -> Vec<PathBuf> {
    let database = file::sqlite_file(config.database.url.expose());
    let database = database.map(|file| match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    });
    let archive = config.retention.archive_dir.clone();
    database.into_iter().chain(archive).collect()
}

/// Free bytes for a user other than root, and all bytes.
fn room(folder: &Path) -> std::io::Result<(u64, u64)> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok((disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize))
}

/// By the row that `deploy/backup` writes.
pub(super) async fn backup(store: &Store) -> Finding {
    const CHECK: &str = "backup";
    let hint = "Run deploy/backup each day, and keep a copy on another machine";
    let made_at = match store.newest_backup().await {
        Ok(Some(made_at)) => made_at,
        Ok(None) => {
            return Finding::warning(CHECK, "deploy/backup has made none of this database", hint);
        }
        Err(error) => {
            let detail = format!("it cannot be read whether there is a backup: {error}");
            return Finding::failed(CHECK, detail, LOOK_AT_DATABASE);
        }
    };
    let age = store.clock().now() - made_at;
    let detail = format!("the newest is {} hours old", age.num_hours().max(0));
    if age > BACKUP_LOST {
        Finding::failed(CHECK, detail, hint)
    } else if age > BACKUP_WITHIN {
        Finding::warning(CHECK, detail, hint)
    } else {
        Finding::ok(CHECK, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::CheckStatus;

    #[test]
    fn a_disk_fails_when_it_is_full_and_warns_before() {
        let (gb, folder) = (1 << 30, Path::new("/"));
        for (free, all, expected) in [
            (0, 100 * gb, CheckStatus::Failed),
            (63 << 20, 100 * gb, CheckStatus::Failed),
            (9 * gb, 100 * gb, CheckStatus::Warning),
            (11 * gb, 100 * gb, CheckStatus::Ok),
        ] {
            assert_eq!(judge(free, all, folder).status, expected, "{free}");
        }
    }
}
