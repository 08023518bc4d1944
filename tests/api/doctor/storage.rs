//! A full disk, and backups.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Checked, check};
use crate::command_line::{code, text};
use crate::harness::{Kind, TestApp, TestDatabase};
use crate::reconciling::{eventually, metric};

on_both_databases! {
    a_backup_is_known_and_one_that_is_old_is_found,
}

/// Needs root, to mount a small disk that only this command sees.
#[test]
fn a_full_disk_is_found() {
    let folder = TempDir::new().unwrap();
    let mounted = "mount -t tmpfs -o size=70m tmpfs . && cd \"$PWD\"";
    let in_namespace = |script: String| {
        Command::new("unshare")
            .args(["--mount", "sh", "-ec", &script])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("MALIPO__DATABASE__URL", "sqlite://shop.db?mode=rwc")
            .output()
            .unwrap()
    };
    let tried = in_namespace(mounted.to_owned());
    assert!(
        tried.status.success(),
        "needs root: {}",
        text(&tried.stderr)
    );
    let malipo = env!("CARGO_BIN_EXE_malipo");
    let checked_after = |fill: &str| {
        let script =
            format!("{mounted}\n{malipo} migrate >&2\n{fill}\nexec {malipo} check --json --quick");
        let output = in_namespace(script);
        let printed = text(&output.stdout) + &text(&output.stderr);
        Checked {
            code: code(&output),
            rows: serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{printed}")),
            printed,
        }
    };

    let room = checked_after("true");
    let little = checked_after("dd if=/dev/zero of=filler bs=1M count=20 status=none");
    let full = checked_after("cat /dev/zero >filler || true");

    room.assert("disk", "ok", "MB free of 70 MB");
    little.assert("disk", "failed", "MB free of 70 MB");
    full.assert("disk", "failed", "0 MB free");
    assert_eq!(full.code, Some(1));
}

async fn a_backup_is_known_and_one_that_is_old_is_found(kind: Kind) {
    let app = TestApp::start(kind).await;
    let none = checked(&app.database);
    assert!(metric(&app, "malipo_backup_age_seconds").await.is_nan());
    let folder = TempDir::new().unwrap();
    let backup = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/backup");

    let made = Command::new(backup)
        .args([app.database.url.as_str(), folder.path().to_str().unwrap()])
        .output()
        .unwrap();

    assert!(made.status.success(), "{made:?}");
    let fresh = checked(&app.database);
    eventually("the age is known", async || {
        metric(&app, "malipo_backup_age_seconds").await < 60.0
    })
    .await;
    none.assert("backup", "warning", "deploy/backup has made none");
    assert_eq!(none.code, Some(0), "{}", none.printed);
    fresh.assert("backup", "ok", "0 hours old");
    for (hours, status) in [(30, "warning"), (60, "failed")] {
        let at = chrono::Utc::now() - chrono::TimeDelta::hours(hours);
        let set = format!("UPDATE backups SET made_at = '{}'", at.to_rfc3339());
        app.database.execute(&set).await;
        let old = checked(&app.database);
        old.assert("backup", status, &format!("{hours} hours old"));
    }
}

fn checked(database: &TestDatabase) -> Checked {
    check(&[("MALIPO__DATABASE__URL", &database.url)])
}
