//! One server for a SQLite file, by whatever name it is found.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::start;
use crate::command_line::{code, text};
use crate::harness::process::Process;

#[test]
fn a_second_server_is_refused_by_every_name_of_the_file() {
    let folder = TempDir::new().unwrap();
    let (shop, elsewhere) = (
        folder.path().join("a shop"),
        folder.path().join("elsewhere"),
    );
    for made in [&shop, &elsewhere] {
        fs::create_dir(made).unwrap();
    }
    let file = shop.join("shop.db");
    let first = format!("sqlite://{}?mode=rwc", file.display());
    let server = Process::serve(&first, &[]);
    symlink(&file, elsewhere.join("link.db")).unwrap();
    symlink(&shop, elsewhere.join("folder")).unwrap();
    fs::hard_link(&file, elsewhere.join("hard.db")).unwrap();
    let (shop, elsewhere) = (shop.display().to_string(), elsewhere.display().to_string());
    let percent = shop.replace(' ', "%20");

    for url in [
        format!("sqlite://{percent}/shop.db"),
        format!("sqlite://{percent}/sh%6Fp.db?mode=rwc"),
        format!("sqlite:{shop}/../elsewhere/./../a shop/shop.db"),
        "sqlite:./shop.db?mode=rwc".to_owned(),
        "sqlite://shop.db".to_owned(),
        format!("sqlite://{elsewhere}/link.db"),
        format!("sqlite://{elsewhere}/folder/shop.db"),
        format!("sqlite://{elsewhere}/hard.db"),
    ] {
        let second = start(shop.as_ref(), &url);

        let printed = text(&second.stderr);
        assert_eq!(code(&second), Some(1), "{url}: {printed}");
        assert!(
            printed.contains("another malipo already uses"),
            "{url}: {printed}"
        );
    }

    drop(server);
    // SQLite's log belongs to one name, so what it holds would be lost by another.
    let by_hard_link = start(shop.as_ref(), &format!("sqlite://{elsewhere}/hard.db"));
    let printed = text(&by_hard_link.stderr);
    assert!(printed.contains("has 2 names"), "{printed}");
    fs::remove_file(format!("{elsewhere}/hard.db")).unwrap();
    let again = Process::serve(&format!("sqlite://{elsewhere}/link.db"), &[]);
    assert!(again.base.starts_with("http://"));
}
