//! `deploy/backup` and `deploy/restore`, while the shop is open.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use crate::harness::process::run;
use crate::harness::{Kind, SaleCounts, TestApp, TestDatabase, TestOrder};

on_both_databases! {
    a_backup_made_under_load_restores_whole_sales_and_the_drill_passes_on_it,
}

fn script(name: &str, arguments: &[&str]) -> Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name);
    Command::new(path).args(arguments).output().unwrap()
}

async fn a_backup_made_under_load_restores_whole_sales_and_the_drill_passes_on_it(kind: Kind) {
    let app = TestApp::start(kind).await;
    let before = sell(&app, 20).await;
    let folder = TempDir::new().unwrap();

    // The backup runs while sales are made.
    let done = AtomicBool::new(false);
    let url = app.database.url.clone();
    let into = folder.path().to_str().unwrap().to_owned();
    let backup = async {
        let made = tokio::task::spawn_blocking(move || script("backup", &[&url, &into]));
        let made = made.await.unwrap();
        done.store(true, Ordering::Relaxed);
        made
    };
    let load = async {
        let mut sold = 0;
        while !done.load(Ordering::Relaxed) {
            sold += sell(&app, 5).await.len();
        }
        sold
    };
    let (made, meanwhile) = tokio::join!(backup, load);
    assert!(made.status.success(), "{made:?}");
    assert!(meanwhile > 0, "nothing was sold meanwhile");
    let file = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    assert_only_the_owner_reads(&file);

    let restored = restore(kind, &file).await;

    for order in &before {
        assert_eq!(restored.sale_of(&order.id).await, SaleCounts::ONE);
    }
    // No sale is there in part, whenever the backup was made.
    let counts = [
        "payments WHERE status = 'COMPLETED'",
        "invoices",
        "vouchers",
        "sms_messages",
    ];
    let mut seen = Vec::new();
    for table in counts {
        seen.push(
            restored
                .count(&format!("SELECT COUNT(*) FROM {table}"))
                .await,
        );
    }
    assert!(seen.iter().all(|count| *count == seen[0]), "{seen:?}");
    let drill = run(
        &[
            "drill",
            "--database",
            &restored.url,
            "--orders",
            "20",
            "--copies",
            "3",
        ],
        &[],
    );
    assert!(drill.status.success(), "{drill:?}");
    // A restore overwrites nothing.
    let again = script("restore", &[&file, &restored.url]);
    assert!(!again.status.success(), "{again:?}");
    assert_eq!(restored.sale_of(&before[0].id).await, SaleCounts::ONE);
}

async fn sell(app: &TestApp, orders: usize) -> Vec<TestOrder> {
    let mut sold = Vec::new();
    for _ in 0..orders {
        let order = app.buy().await;
        assert_eq!(app.deliver_word(&order, "COMPLETED").await.status, 200);
        sold.push(order);
    }
    sold
}

/// Restores into a new database.
async fn restore(kind: Kind, file: &str) -> TestDatabase {
    let place = TestDatabase::reserve(kind).await;
    let done = script("restore", &[file, &place.url]);
    assert!(done.status.success(), "{done:?}");
    place.open().await
}

fn assert_only_the_owner_reads(file: &str) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
