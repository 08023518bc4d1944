//! `malipo router`: what `nas` does not do.

use std::io::Write;
use std::process::{Output, Stdio};

use tempfile::TempDir;

use crate::harness::process::malipo;
use crate::harness::{Kind, TestDatabase};

on_both_databases! {
    a_secret_comes_from_standard_input_and_a_script_is_printed_again,
    a_router_behind_nat_is_given_a_tunnel_once,
    no_router_is_registered_at_an_address_in_tunnels,
    a_tunnel_beyond_the_last_address_is_refused,
}

/// Runs `malipo router` with this text on its standard input.
fn router(database: &TestDatabase, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let folder = TempDir::new().unwrap();
    let settings = [("MALIPO__DATABASE__URL", database.url.as_str())];
    let mut command = malipo(folder.path(), &settings);
    command.arg("router").args(arguments).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that does not read it may have ended.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.code(), text)
}

async fn a_secret_comes_from_standard_input_and_a_script_is_printed_again(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let add = ["add", "10.0.0.0/24", "--name", "bar", "--secret", "-"];

    let (code, text) = router(&database, &add, "secret-of-bar\n");

    assert_eq!(code, Some(0), "{text}");
    let secret = database.text("SELECT secret FROM nas").await;
    assert_eq!(secret.as_deref(), Some("secret-of-bar"));
    let (code, again) = router(&database, &["script", "bar"], "");
    assert_eq!(code, Some(0), "{again}");
    // Beside it is the advice to set public_url.
    let script = &again[again.find("# Router").unwrap()..again.rfind("\n}\n").unwrap()];
    assert!(text.contains(script), "the script is the same: {again}");
    assert!(again.contains("secret-of-bar"), "{again}");

    let shop = [
        "add",
        "any",
        "--name",
        "shop",
        "--type",
        "chilli",
        "--identifier",
        "nas01",
    ];
    let (code, text) = router(&database, &shop, "");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("deploy/chilli/README.md"), "{text}");
    let (code, text) = router(&database, &["script", "shop"], "");
    assert_eq!(code, Some(1), "a MikroTik's script does not fit: {text}");
    let (_, list) = router(&database, &["list"], "");
    let row = list.lines().find(|line| line.contains("shop")).unwrap();
    assert!(row.contains("any") && row.contains("chilli"), "{row}");
    assert!(row.ends_with("nas01"), "{row}");
    for (wrong, fault) in [
        (["add", "10.0.0.9", "--name", "bar"], "of this name"),
        (
            ["add", "10.0.0", "--name", "pub"],
            "an IP address or a network",
        ),
        (["add", "any", "--identifier", "nas01"], "--name"),
    ] {
        let (code, text) = router(&database, &wrong, "");
        assert_ne!(code, Some(0), "{text}");
        assert!(text.contains(fault), "{text}");
    }
    assert_eq!(router(&database, &["remove", "shop"], "").0, Some(0));
    assert_eq!(router(&database, &["remove", "shop"], "").0, Some(1));
    assert_eq!(
        router(&database, &["remove", "10.0.0.77/24"], "").0,
        Some(0)
    );
    assert_eq!(database.count("SELECT COUNT(*) FROM nas").await, 0);
}

async fn no_router_is_registered_at_an_address_in_tunnels(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let run = |arguments: &[&str]| router(&database, arguments, "");
    let refused = |arguments: &[&str]| {
        let (code, text) = run(arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {text}");
        assert!(text.contains("10.213.0.0/16"), "{text}");
    };
    let done = |arguments: &[&str]| {
        let (code, text) = run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {text}");
    };
    done(&["add", "any", "--name", "bar"]);
    for address in ["10.213.0.2", "10.213.4.0/24", "10.0.0.0/8"] {
        done(&["add", address, "--name", "there"]);
        refused(&["script", "bar", "--wireguard"]);
        done(&["remove", "there"]);
    }
    assert_eq!(
        database.count("SELECT COUNT(*) FROM router_tunnels").await,
        0
    );

    done(&["script", "bar", "--wireguard"]);

    for address in [
        "10.213.0.1",
        "10.213.0.2",
        "10.213.9.9",
        "10.213.4.0/24",
        "10.0.0.0/8",
    ] {
        refused(&["add", address, "--name", "there"]);
    }
    for (address, name) in [
        ("10.212.0.1", "pool"),
        ("any", "kiosk"),
        ("10.8.0.0/14", "lan"),
    ] {
        done(&["add", address, "--name", name]);
    }
    done(&["script", "bar", "--wireguard"]);
    done(&["script", "kiosk", "--wireguard"]);
}

async fn a_tunnel_beyond_the_last_address_is_refused(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let add = router(&database, &["add", "any", "--name", "bar"], "");
    assert_eq!(add.0, Some(0), "{}", add.1);
    let all = "INSERT INTO router_tunnels (router_id, host, private_key) \
         WITH RECURSIVE ends(host) AS (SELECT 1 UNION ALL SELECT host + 1 FROM ends WHERE host < 65534) \
         SELECT CASE host WHEN 1 THEN 0 ELSE 100000 + host END, host, 'x' FROM ends";
    assert_eq!(database.execute(all).await, 65_534);

    let (code, text) = router(&database, &["script", "bar", "--wireguard"], "");

    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("in a tunnel already"), "{text}");
    let nas = "SELECT nasname FROM nas";
    assert_eq!(database.text(nas).await.as_deref(), Some("any"));
}

async fn a_router_behind_nat_is_given_a_tunnel_once(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    for (address, name) in [("any", "bar"), ("10.0.0.2", "pool")] {
        assert_eq!(
            router(&database, &["add", address, "--name", name], "").0,
            Some(0)
        );
    }
    let tunnel = |name: &str| {
        let (code, text) = router(&database, &["script", name, "--wireguard"], "");
        assert_eq!(code, Some(0), "{text}");
        text
    };

    let bar = tunnel("bar");
    tunnel("pool");

    let addresses = "SELECT nasname FROM nas ORDER BY id";
    let expected = ["10.213.0.2", "10.213.0.3"];
    assert_eq!(database.texts(addresses).await, expected);
    let again = tunnel("bar");
    let router_lines = |text: &str| text.split("# The router:").nth(1).unwrap().to_owned();
    assert_eq!(
        router_lines(&again),
        router_lines(&bar),
        "the keys are kept"
    );
    assert_eq!(again.matches("[Peer]").count(), 2, "the server has both");
    // The script alone leads into the tunnel, too.
    let (_, script) = router(&database, &["script", "bar"], "");
    assert!(script.contains("address=10.213.0.1 "), "{script}");
    let audited = "SELECT COUNT(*) FROM audit_events WHERE action = 'nas_tunnel'";
    assert_eq!(database.count(audited).await, 2);

    // Its address is free again; the others keep theirs.
    assert_eq!(router(&database, &["remove", "bar"], "").0, Some(0));
    assert_eq!(
        router(&database, &["add", "any", "--name", "kiosk"], "").0,
        Some(0)
    );
    tunnel("kiosk");
    let expected = ["10.213.0.3", "10.213.0.2"];
    assert_eq!(database.texts(addresses).await, expected);
}
