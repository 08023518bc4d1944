//! The shop tests by itself whether a sold voucher is accepted.

use super::sell;
use crate::harness::freeradius::{FreeRadius, SECRET};
use crate::harness::process::run;
use crate::harness::{Kind, TestApp, TestDatabase};
use malipo::config::Config;
use malipo::domain::people::Secret;

on_both_databases! {
    a_sold_voucher_is_tested,
    a_sold_voucher_is_tested_as_guests_type_it_by_pap_and_by_chap,
    a_voucher_that_is_accepted_only_as_printed_raises_an_alert,
    a_sold_voucher_that_is_refused_raises_an_alert,
    a_silent_freeradius_raises_an_alert,
    malipo_check_finds_a_wrong_secret,
}

/// Below the kernel's ephemeral ports, so that no other test takes it meanwhile; `tcpmux` was never
/// used over UDP.
const NOBODY_LISTENS: u16 = 1;
const TESTED: &str = "SELECT level || ' ' || kind || ': ' || summary FROM order_events WHERE kind IN ('tested', 'not_let_in', 'not_tested')";

/// A configuration that tests sold vouchers at this FreeRADIUS.
pub(super) fn asks(port: u16, secret: &'static str) -> impl FnOnce(&mut Config) {
    move |config| {
        config.radius.server = Some(([127, 0, 0, 1], port).into());
        config.radius.secret = Some(Secret::new(secret));
        config.radius.proofs_per_min = 600;
    }
}

/// The line of the test in the timeline; fails after half a minute.
async fn proof_line(app: &TestApp) -> String {
    for _ in 0..1_500 {
        if let Some(line) = app.database.text(TESTED).await {
            return line;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("nothing was tested");
}

async fn a_sold_voucher_is_tested(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;
    let app = TestApp::start_on(database, asks(radius.auth_port, SECRET)).await;

    sell(&app, "daily").await;

    assert_eq!(
        proof_line(&app).await,
        "note tested: FreeRADIUS lets this voucher in"
    );
}

async fn a_sold_voucher_is_tested_as_guests_type_it_by_pap_and_by_chap(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;
    let app = TestApp::start_on(database, asks(radius.auth_port, SECRET)).await;
    let tested = "SELECT COUNT(DISTINCT order_id) FROM order_events WHERE kind = 'tested'";
    let mut typed = Vec::new();
    for sold in 1..=2 {
        let (_, code) = sell(&app, "daily").await;
        typed.push(format!("{} {}", &code[..4], &code[4..]).to_lowercase());
        app.database.wait_for_count(tested, sold).await;
    }

    let log = radius.log();

    for name in &typed {
        assert!(log.contains(&format!("User-Name = \"{name}\"")), "{name}");
    }
    assert!(log.contains(&format!("User-Password = \"{}\"", typed[0])));
    assert!(log.contains("CHAP-Password = 0x"));
}

/// A FreeRADIUS with files of an earlier version; here a user of that spelling is rejected.
async fn a_voucher_that_is_accepted_only_as_printed_raises_an_alert(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;
    let app = TestApp::start_on(database, asks(radius.auth_port, SECRET)).await;
    let reject = "INSERT INTO radcheck (username, attribute, op, value) VALUES \
         (LOWER(SUBSTR(NEW.username, 1, 4) || ' ' || SUBSTR(NEW.username, 5)), 'Auth-Type', ':=', 'Reject')";
    let trigger = match kind {
        Kind::Sqlite => vec![format!(
            "CREATE TRIGGER typed AFTER INSERT ON radcheck WHEN NEW.attribute = 'Cleartext-Password' \
             BEGIN {reject}; END"
        )],
        Kind::Postgres => vec![
            format!(
                "CREATE FUNCTION typed() RETURNS trigger LANGUAGE plpgsql AS \
                 $$BEGIN {reject}; RETURN NULL; END$$"
            ),
            "CREATE TRIGGER typed AFTER INSERT ON radcheck FOR EACH ROW \
             WHEN (NEW.attribute = 'Cleartext-Password') EXECUTE FUNCTION typed()"
                .to_owned(),
        ],
    };
    for statement in trigger {
        app.database.execute(&statement).await;
    }

    sell(&app, "daily").await;

    let line = proof_line(&app).await;
    let wanted =
        "alert not_let_in: FreeRADIUS does not let this voucher in: it is accepted only as printed";
    assert!(line.starts_with(wanted), "{line}");
    drop(radius);
}

async fn a_sold_voucher_that_is_refused_raises_an_alert(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;
    let app = TestApp::start_on(database, asks(radius.auth_port, SECRET)).await;
    // As if an operator had edited the group.
    let broken = "INSERT INTO radgroupcheck (groupname, attribute, op, value) VALUES ('daily', 'Auth-Type', ':=', 'Reject')";
    app.database.execute(broken).await;

    let (_, code) = sell(&app, "daily").await;

    let line = proof_line(&app).await;
    assert!(line.starts_with("alert not_let_in: "), "{line}");
    assert!(!line.contains(&code), "{line}");
    drop(radius);
}

async fn a_silent_freeradius_raises_an_alert(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let app = TestApp::start_on(database, asks(NOBODY_LISTENS, SECRET)).await;

    sell(&app, "daily").await;

    let line = proof_line(&app).await;
    assert!(
        line.starts_with("alert not_tested: nothing listens at 127.0.0.1:"),
        "{line}"
    );
}

async fn malipo_check_finds_a_wrong_secret(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;
    let server = format!("127.0.0.1:{}", radius.auth_port);
    let check = |secret: &str| {
        let settings = [
            ("MALIPO__DATABASE__URL", database.url.as_str()),
            ("MALIPO__RADIUS__SERVER", &server),
            ("MALIPO__RADIUS__SECRET", secret),
        ];
        let output = run(&["check"], &settings);
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.contains("radius"));
        (output.status.code(), line.unwrap_or_default().to_owned())
    };

    let (code, line) = check(SECRET);
    assert_eq!(
        (code, line.split(' ').next()),
        (Some(0), Some("ok")),
        "{line}"
    );
    let (code, line) = check("not-the-secret-of-freeradius");
    assert_eq!(
        (code, line.split(' ').next()),
        (Some(1), Some("FAIL")),
        "{line}"
    );
    assert!(line.contains("radius.secret"), "{line}");
    assert!(!line.contains("not-the-secret"), "{line}");
}
