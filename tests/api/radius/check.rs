//! The findings of `malipo check` about FreeRADIUS.

use crate::harness::freeradius::{FreeRadius, SECRET};
use crate::harness::process::run;
use crate::harness::{Kind, TestDatabase};

on_both_databases! {
    malipo_check_sees_one_user_accepted_and_an_unknown_one_rejected,
    malipo_check_finds_a_freeradius_that_reads_another_database,
}

/// The line of `malipo check` about FreeRADIUS, and whether it found a fault.
fn check(database: &TestDatabase, port: u16) -> (Option<i32>, String) {
    let server = format!("127.0.0.1:{port}");
    let settings = [
        ("MALIPO__DATABASE__URL", database.url.as_str()),
        ("MALIPO__RADIUS__SERVER", &server),
        ("MALIPO__RADIUS__SECRET", SECRET),
    ];
    let output = run(&["check"], &settings);
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.contains("radius"));
    (output.status.code(), line.unwrap_or_default().to_owned())
}

async fn malipo_check_sees_one_user_accepted_and_an_unknown_one_rejected(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;

    let (code, line) = check(&database, radius.auth_port);

    assert_eq!(code, Some(0), "{line}");
    assert!(line.contains("accepts a user of our database"), "{line}");
    let left = "SELECT COUNT(*) FROM radcheck";
    assert_eq!(database.count(left).await, 0, "the test user is gone");
}

async fn malipo_check_finds_a_freeradius_that_reads_another_database(kind: Kind) {
    let (ours, other) = (
        TestDatabase::create(kind).await,
        TestDatabase::create(kind).await,
    );
    let radius = FreeRadius::start(&other).await;

    let (code, line) = check(&ours, radius.auth_port);

    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("reads another database"), "{line}");
    assert_eq!(ours.count("SELECT COUNT(*) FROM radcheck").await, 0);
}

/// A FreeRADIUS with files of an earlier version, and one whose signature is not the first attribute.
#[actix_web::test]
async fn malipo_check_finds_answers_that_routers_refuse() {
    for (edit, wanted) in [
        (
            ("&Message-Authenticator ^= 0x00", "&Reply-Message += \"x\""),
            "without Message-Authenticator",
        ),
        (
            (
                "&Message-Authenticator ^= 0x00",
                "&Message-Authenticator := 0x00",
            ),
            "not the first attribute",
        ),
    ] {
        let database = TestDatabase::create(Kind::Sqlite).await;
        let radius = FreeRadius::start_edited(&database, edit).await;

        let (code, line) = check(&database, radius.auth_port);

        assert_eq!(code, Some(1), "{line}");
        assert!(
            line.contains(wanted) && line.contains("RouterOS 7.15"),
            "{line}"
        );
    }
}
