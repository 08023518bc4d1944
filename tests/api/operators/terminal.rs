//! `malipo operator` at the terminal, beside a running server.

use std::process::Output;

use crate::harness::process::{Process, run};
use crate::harness::{Kind, TestApp, TestDatabase, http_client};

on_both_databases! {
    an_operator_is_added_beside_a_running_server_and_disabled_again,
    once_there_is_an_operator_the_sandbox_makes_no_token_of_its_own,
    an_order_is_read_in_the_terminal_beside_a_running_server,
}

fn operator(database: &TestDatabase, arguments: &[&str]) -> Output {
    let settings = [("MALIPO__DATABASE__URL", database.url.as_str())];
    run(&[&["operator"], arguments].concat(), &settings)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn an_operator_is_added_beside_a_running_server_and_disabled_again(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let server = Process::serve(&database.url, &[]);
    let come_in = async |method: &str, token: &str| {
        let url = format!("{}/api/v1/operator/actors", server.base);
        let request = http_client().request(method.parse().unwrap(), url);
        let answer = request.bearer_auth(token).send().await.unwrap();
        answer.status().as_u16()
    };

    let viewer = operator(&database, &["add", "vera", "--role", "viewer"]);
    let admin = operator(&database, &["add", "asha", "--role", "admin"]);

    let token = |output: &Output| {
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let printed = text(&output.stdout);
        assert_eq!(printed.lines().count(), 1, "the token alone: {printed}");
        printed.trim().to_owned()
    };
    let (viewer, admin) = (token(&viewer), token(&admin));
    assert_eq!(come_in("GET", &viewer).await, 200);
    assert_eq!(come_in("POST", &viewer).await, 403);
    assert_eq!(
        come_in("POST", &admin).await,
        405,
        "in, but there is nothing to write"
    );

    let twice = operator(&database, &["add", "asha", "--role", "viewer"]);
    assert_eq!(twice.status.code(), Some(1));
    assert!(
        text(&twice.stderr).contains("asha"),
        "{}",
        text(&twice.stderr)
    );
    assert!(twice.stdout.is_empty());
    assert_eq!(come_in("GET", &admin).await, 200, "and stays as it was");
    for wrong in [
        ["add", "juma", "--role", "king"],
        ["add", "bootstrap", "--role", "admin"],
        ["add", "two words", "--role", "admin"],
    ] {
        let output = operator(&database, &wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(operator(&database, &["add", "juma"]).status.code(), Some(2));

    let out = operator(&database, &["disable", "asha"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(come_in("GET", &admin).await, 401);
    assert_eq!(
        operator(&database, &["disable", "asha"]).status.code(),
        Some(1)
    );
    let again = token(&operator(&database, &["add", "asha", "--role", "admin"]));
    assert_eq!(come_in("GET", &again).await, 200);
}

async fn once_there_is_an_operator_the_sandbox_makes_no_token_of_its_own(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let no_token = [("MALIPO__OPERATOR__TOKEN", "")];

    // Before the first start: whichever process comes first migrates the schema.
    migration::down(&database.url, None).await.unwrap();
    let added = operator(&database, &["add", "asha", "--role", "admin"]);
    assert_eq!(added.status.code(), Some(0), "{}", text(&added.stderr));
    let known = Process::serve(&database.url, &no_token).greeting.concat();
    operator(&database, &["disable", "asha"]);
    let without_operators = Process::serve(&database.url, &no_token).greeting.concat();

    assert!(!known.contains("shown once"), "{known}");
    assert!(
        without_operators.contains("shown once"),
        "{without_operators}"
    );
}

async fn an_order_is_read_in_the_terminal_beside_a_running_server(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let code = app.status(&order).await["voucher_code"].clone();
    let show = |arguments: &[&str]| {
        let settings = [("MALIPO__DATABASE__URL", app.database.url.as_str())];
        run(&[&["order", "show"], arguments].concat(), &settings)
    };
    let secrets = [code.as_str().unwrap(), &order.phone[1..]];

    let masked = show(&[&order.id]);
    let whole = show(&[&order.id.to_uppercase(), "--reveal"]);

    let shown = text(&masked.stdout);
    assert_eq!(masked.status.code(), Some(0), "{}", text(&masked.stderr));
    assert!(
        shown.starts_with(&format!("Order {}  COMPLETED", &order.id[..8])),
        "{shown}"
    );
    let places: Vec<_> = ["created", "push", "delivery", "commit", "radius", "sms"]
        .iter()
        .map(|kind| {
            let line = shown
                .lines()
                .position(|line| line.contains(&format!("  {kind} ")));
            line.unwrap_or_else(|| panic!("no {kind}:\n{shown}"))
        })
        .collect();
    assert!(places.is_sorted(), "{shown}");
    assert!(shown.contains(" ms"), "how long between: {shown}");
    for secret in secrets {
        assert!(!shown.contains(secret), "{shown}");
        assert!(text(&whole.stdout).contains(secret));
    }
    let audited = "SELECT operator || ' ' || action FROM audit_events";
    assert_eq!(app.database.texts(audited).await, ["terminal reveal"]);
    let unknown = show(&["00000000-0000-0000-0000-000000000000"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("no such order"));
    assert!(text(&unknown.stderr).contains("a printed voucher"));
    assert_eq!(show(&["nonsense"]).status.code(), Some(1));
}
