//! A disk without room.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::{ready_when, reasons};
use crate::harness::{Kind, SaleCounts, TestApp, TestDatabase, TestOrder, fresh_phone};

/// A small file system in memory, unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let folder = TempDir::new().unwrap();
        let options = ["-t", "tmpfs", "-o", "size=12m,mode=777", "malipo-test"];
        let path = folder.path().to_str().unwrap();
        as_root("mount", &[&options[..], &[path]].concat());
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Leaves no byte.
    fn fill(&self) {
        let filling = Command::new("dd")
            .args(["if=/dev/zero", "bs=4k", "status=none"])
            .arg(format!("of={}", self.path("filling").display()))
            .status();
        assert!(!filling.unwrap().success(), "the disk is not full");
    }

    fn make_room(&self) {
        fs::remove_file(self.path("filling")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        as_root("umount", &["--lazy", self.0.path().to_str().unwrap()]);
    }
}

/// Runs a command as root, or with sudo.
fn as_root(program: &str, arguments: &[&str]) {
    let done = |mut command: Command| command.args(arguments).output();
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", program]);
    let is_done = |command| done(command).is_ok_and(|it| it.status.success());
    assert!(
        is_done(Command::new(program)) || is_done(sudo),
        "{program} {arguments:?} needs root, or sudo without a password"
    );
}

async fn database_in(folder: &Path) -> TestDatabase {
    TestDatabase::at(format!("sqlite://{}/shop.db?mode=rwc", folder.display())).await
}

#[actix_web::test]
async fn a_full_disk_is_not_ready_and_loses_nothing_that_was_acknowledged() {
    let disk = SmallDisk::mount();
    let app = TestApp::start_on(database_in(disk.0.path()).await, |_| {}).await;
    let before = app.buy().await;
    assert_eq!(app.deliver_word(&before, "COMPLETED").await.status, 200);
    let orders: Vec<TestOrder> = vec![app.buy().await, app.buy().await];

    disk.fill();
    let not_ready = ready_when(&app, 503).await;
    let mut sold = Vec::new();
    let mut refused = 0;
    // The log may have room for some.
    for order in &orders {
        match app.deliver_word(order, "COMPLETED").await.status {
            200 => sold.push(order),
            503 => refused += 1,
            other => panic!("{other}"),
        }
    }
    let body = || json!({"packageId": "daily", "phoneNumber": fresh_phone()});
    let mut last = app.pay(&body()).await;
    for _ in 0..500 {
        if last.status == 503 {
            break;
        }
        last = app.pay(&body()).await;
    }
    disk.make_room();
    ready_when(&app, 200).await;

    let reasons = reasons(&not_ready);
    assert!(reasons.contains("disk is full"), "{reasons}");
    assert_eq!(last.status, 503, "{}", last.text);
    for order in sold.into_iter().chain([&before]) {
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
    assert!(refused <= orders.len());
    for order in &orders {
        assert_eq!(app.deliver_word(order, "COMPLETED").await.status, 200);
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
    assert_eq!(app.database.kind, Kind::Sqlite);
}
