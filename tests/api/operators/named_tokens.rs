//! Several tokens of one operator, each with a name: a new one is made before the old one is revoked.

use std::io::Write;
use std::process::{Output, Stdio};

use malipo::domain::people::Role;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{browser, gate, http_without_redirects, log_in, read, submit, visit};
use crate::harness::process::malipo;
use crate::harness::{Kind, TestApp, TestDatabase};

on_both_databases! {
    a_token_is_replaced_without_a_gap,
    a_session_alone_adds_no_token,
    an_upgrade_keeps_tokens_and_sessions,
    the_command_line_sets_passwords_and_makes_tokens,
    old_sessions_browsers_and_failures_are_deleted,
}

const ORDERS: &str = "/api/v1/operator/orders";

async fn a_token_is_replaced_without_a_gap(kind: Kind) {
    let app = TestApp::start(kind).await;
    let first = app.add_operator("asha", Role::Viewer).await;
    let gate = gate(&app).await;
    let session = read(gate.log_in(&first, browser(None)).await.unwrap())
        .1
        .unwrap();
    let add = [
        ("act", "add-token"),
        ("label", "laptop"),
        ("proof", first.as_str()),
    ];

    let page = submit(&app, &session, "/operator/access", &add).await;
    let second = page.text.split("id=\"fresh\">").nth(1).unwrap();
    let second = second.split('<').next().unwrap().to_owned();

    for token in [&first, &second] {
        assert_eq!(app.get_with(ORDERS, token).await.status, 200);
    }
    let twice = submit(&app, &session, "/operator/access", &add).await;
    assert_eq!(twice.status, 422, "one name, one token");
    let of_second = read(gate.log_in(&second, browser(None)).await.unwrap())
        .1
        .unwrap();
    let revoke = [("act", "revoke-token"), ("label", "first")];
    submit(&app, &of_second, "/operator/access", &revoke).await;

    assert_eq!(app.get_with(ORDERS, &first).await.status, 401);
    assert_eq!(app.get_with(ORDERS, &second).await.status, 200);
    assert_eq!(
        visit(&app, &session, "/operator").await.status,
        303,
        "its sessions end"
    );
    let page = visit(&app, &of_second, "/operator/access").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("laptop") && !page.text.contains("<b>first</b>"));
    let audited = "SELECT operator || ' ' || action || ' ' || detail FROM audit_events \
         WHERE action <> 'log_in' ORDER BY id";
    let expected = ["asha add_token laptop", "asha revoke_token first"];
    assert_eq!(app.database.texts(audited).await, expected);
}

async fn a_session_alone_adds_no_token(kind: Kind) {
    let app = TestApp::start(kind).await;
    let token = app.add_operator("asha", Role::Admin).await;
    let other = app.add_operator("juma", Role::Admin).await;
    let session = gate(&app)
        .await
        .log_in(&token, browser(None))
        .await
        .unwrap();
    let session = read(session).1.unwrap();

    for proof in ["", "wrong", other.as_str()] {
        let add = [("act", "add-token"), ("label", "laptop"), ("proof", proof)];
        let answer = submit(&app, &session, "/operator/access", &add).await;
        assert_eq!(answer.status, 403, "{proof}");
    }
    let without_csrf = http_without_redirects().post(app.url("/operator/access"));
    let cookie = format!("malipo_session={}", session.cookie.expose());
    let without_csrf = without_csrf
        .header("cookie", cookie)
        .body("act=end-sessions");
    assert_eq!(without_csrf.send().await.unwrap().status(), 403);

    let tokens = "SELECT COUNT(*) FROM operator_tokens";
    assert_eq!(app.database.count(tokens).await, 2);
}

async fn an_upgrade_keeps_tokens_and_sessions(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let token = "a-token-of-an-earlier-version";
    let hash = hex::encode(Sha256::digest(token.as_bytes()));
    loop {
        migration::down(&database.url, Some(1)).await.unwrap();
        let steps = migration::status(&database.url).await.unwrap();
        let ours = steps.iter().find(|step| step.name.contains("0034"));
        if !ours.unwrap().applied {
            break;
        }
    }
    let at = "'2026-11-01T08:00:00+00:00'";
    database
        .execute(&format!(
            "INSERT INTO operators (name, role, token_hash, created_at, disabled_at) VALUES \
             ('asha', 'admin', '{hash}', {at}, NULL), ('juma', 'viewer', 'other', {at}, {at})"
        ))
        .await;
    database
        .execute(&format!(
            "INSERT INTO operator_sessions (token_hash, session_hash, csrf_token, created_at, expires_at, last_seen_at) \
             VALUES ('{hash}', 's', 'c', {at}, '2999-01-01T00:00:00+00:00', {at})"
        ))
        .await;
    migration::up(&database.url).await.unwrap();
    let app = TestApp::start_on(database, |_| {}).await;

    assert_eq!(app.get_with(ORDERS, token).await.status, 200);
    let sessions = "SELECT operator FROM operator_sessions";
    assert_eq!(app.database.text(sessions).await.as_deref(), Some("asha"));
    let revoked = "SELECT operator FROM operator_tokens WHERE revoked_at IS NOT NULL";
    assert_eq!(app.database.text(revoked).await.as_deref(), Some("juma"));
}

/// Runs a command with this standard input.
fn command(folder: &TempDir, app: &TestApp, arguments: &[&str], input: &str) -> Output {
    let settings = [("MALIPO__DATABASE__URL", app.database.url.as_str())];
    let mut command = malipo(folder.path(), &settings);
    let command = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

async fn the_command_line_sets_passwords_and_makes_tokens(kind: Kind) {
    let app = TestApp::start(kind).await;
    let folder = TempDir::new().unwrap();
    app.add_operator("asha", Role::Admin).await;
    let run = |arguments: &[&str], input: &str| {
        let output = command(&folder, &app, arguments, input);
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), text, errors)
    };

    let weak = run(&["operator", "password", "asha"], "asha12345678\n");
    assert_eq!(weak.0, Some(1));
    assert!(weak.2.contains("contains the name"), "{}", weak.2);
    let set = run(&["operator", "password", "asha"], "mti mkubwa wa embe\r\n");
    assert_eq!(set.0, Some(0), "{}", set.2);
    assert_eq!(
        run(&["operator", "password", "juma"], "mti mkubwa wa embe\n").0,
        Some(1)
    );
    let gate = gate(&app).await;
    let typed = ("asha", "mti mkubwa wa embe", "");
    assert_eq!(log_in(&gate, typed, browser(None)).await.0, "opened");

    let added = run(&["operator", "token", "asha", "--add", "backup script"], "");
    let token = added.1.trim().to_owned();
    assert_eq!(
        app.get_with(ORDERS, &token).await.status,
        200,
        "{}",
        added.2
    );
    let list = run(&["operator", "token", "asha"], "").1;
    assert!(
        list.contains("first") && list.contains("backup script"),
        "{list}"
    );
    assert!(!list.contains(&token));
    let revoke = ["operator", "token", "asha", "--revoke", "backup script"];
    assert_eq!(run(&revoke, "").0, Some(0));
    assert_eq!(app.get_with(ORDERS, &token).await.status, 401);
    assert_eq!(run(&revoke, "").0, Some(1), "revoked already");
    let list = run(&["operator", "list"], "").1;
    assert!(
        list.lines()
            .any(|line| line.starts_with("asha") && line.contains("yes")),
        "{list}"
    );
}

async fn old_sessions_browsers_and_failures_are_deleted(kind: Kind) {
    let app = TestApp::start(kind).await;
    let token = app.add_operator("asha", Role::Admin).await;
    let gate = gate(&app).await;
    for known in ["wrong", &token] {
        gate.log_in(known, browser(None)).await.unwrap();
    }
    gate.log_in("wrong", browser(None)).await.unwrap();
    let store = app.store_beside().await;
    let rows = async || {
        let counts = ["operator_sessions", "operator_devices", "login_failures"]
            .map(|table| format!("(SELECT COUNT(*) FROM {table})"));
        let sum = format!("SELECT {}", counts.join(" + "));
        app.database.count(&sum).await
    };
    store.forget_old_access().await.unwrap();
    assert_eq!(rows().await, 3, "nothing is old");
    let long_ago = "2020-01-01T00:00:00+00:00";
    for old in [
        format!("UPDATE operator_sessions SET expires_at = '{long_ago}'"),
        format!("UPDATE operator_devices SET last_used_at = '{long_ago}'"),
        format!("UPDATE login_failures SET last_failed_at = '{long_ago}'"),
    ] {
        assert_eq!(app.database.execute(&old).await, 1, "{old}");
    }

    store.forget_old_access().await.unwrap();

    assert_eq!(rows().await, 0);
}
