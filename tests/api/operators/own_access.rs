//! How operators change their own access in the console, and what an admin resets.

use malipo::domain::people::Role;

use super::{browser, gate, log_in, read, set_password, submit, visit};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    a_new_password_ends_the_other_sessions_and_needs_the_old_one,
    a_session_alone_gives_access_to_nobody,
    each_log_in_is_in_the_audit_log,
    a_password_made_by_an_admin_opens_one_session_which_must_set_another,
    operators_see_and_end_their_sessions_and_an_admin_those_of_others,
}

const PASSWORD: &str = "mti mkubwa wa embe";
const RIGHT: (&str, &str, &str) = ("asha", PASSWORD, "");

/// With an admin `asha`, who has a password.
async fn start(kind: Kind) -> TestApp {
    let app = TestApp::start(kind).await;
    app.add_operator("asha", Role::Admin).await;
    set_password(&app, "asha", PASSWORD, false).await;
    app
}

async fn a_new_password_ends_the_other_sessions_and_needs_the_old_one(kind: Kind) {
    let app = start(kind).await;
    let gate = gate(&app).await;
    let here = log_in(&gate, RIGHT, browser(None)).await.1.unwrap();
    let elsewhere = log_in(&gate, RIGHT, browser(None)).await.1.unwrap();
    let new = "kisima cha mjomba";
    let set = async |proof: &str, password: &str, again: &str| {
        let fields = [
            ("act", "set-password"),
            ("proof", proof),
            ("password", password),
            ("again", again),
        ];
        submit(&app, &here, "/operator/access", &fields).await
    };

    for (proof, password, again, status, why) in [
        ("", new, new, 403, "neither your password nor a token"),
        ("wrong", new, new, 403, "neither your password nor a token"),
        (PASSWORD, "short", "short", 422, "10 to 200 characters"),
        (
            PASSWORD,
            "I am asha today",
            "I am asha today",
            422,
            "contains the name",
        ),
        (
            PASSWORD,
            "password123",
            "password123",
            422,
            "first that are guessed",
        ),
        (PASSWORD, new, "another one", 422, "two passwords differ"),
    ] {
        let answer = set(proof, password, again).await;
        assert_eq!(answer.status, status, "{why}");
        assert!(answer.text.contains(why), "{why}: {}", answer.text);
    }
    assert_eq!(visit(&app, &elsewhere, "/operator/sales").await.status, 200);
    let done = set(PASSWORD, new, new).await;

    assert_eq!(
        done.header("location"),
        Some("/operator/access?done=password")
    );
    assert_eq!(visit(&app, &here, "/operator/sales").await.status, 200);
    assert_eq!(
        visit(&app, &elsewhere, "/operator/sales").await.status,
        303,
        "ended"
    );
    assert_eq!(log_in(&gate, RIGHT, browser(None)).await.0, "wrong");
    assert_eq!(
        log_in(&gate, ("asha", new, ""), browser(None)).await.0,
        "opened"
    );
    for _ in 0..10 {
        set("wrong", new, new).await;
    }
    let refused = set(new, PASSWORD, PASSWORD).await;
    assert_eq!(
        refused.status, 429,
        "a session that was found open cannot guess either"
    );
    assert!(refused.header("retry-after").is_some());
}

/// An admin left the browser open. What would outlast the session needs more than it.
async fn a_session_alone_gives_access_to_nobody(kind: Kind) {
    let app = start(kind).await;
    app.add_operator("vera", Role::Viewer).await;
    let factor = "UPDATE operators SET totp_confirmed = true, totp_secret = 'JBSWY3DPEHPK3PXP' WHERE name = 'vera'";
    app.database.execute(factor).await;
    let gate = gate(&app).await;
    let asha = log_in(&gate, RIGHT, browser(None)).await.1.unwrap();
    let people = "/operator/people";
    let vera = "/operator/people/vera";
    let forms: [(&str, &[(&str, &str)]); 4] = [
        (people, &[("name", "ghost"), ("role", "admin")]),
        (vera, &[("act", "add-token"), ("label", "mine")]),
        (vera, &[("act", "reset-password")]),
        (vera, &[("act", "reset-factor")]),
    ];
    let access = "SELECT (SELECT COUNT(*) FROM operators) * 100 + (SELECT COUNT(*) FROM operator_tokens) * 10 \
         + (SELECT COUNT(*) FROM operators WHERE totp_confirmed)";
    let before = app.database.count(access).await;

    for (path, fields) in forms {
        let page = visit(&app, &asha, path).await.text;
        assert!(page.contains("name=\"proof\""), "{page}");
        for proof in ["", "wrong"] {
            let form = [fields, &[("proof", proof)]].concat();
            let refused = submit(&app, &asha, path, &form).await;
            assert_eq!(refused.status, 403, "{fields:?} {proof}");
            let why = "This is neither your password nor a token of yours";
            assert!(refused.text.contains(why), "{}", refused.text);
        }
    }

    assert_eq!(app.database.count(access).await, before);
    let changed =
        "SELECT COUNT(*) FROM audit_events WHERE action NOT IN ('log_in', 'set_password')";
    assert_eq!(app.database.count(changed).await, 0);
    for (path, fields) in forms {
        let form = [fields, &[("proof", PASSWORD)]].concat();
        let done = submit(&app, &asha, path, &form).await;
        assert!(
            [200, 303].contains(&done.status),
            "{fields:?}: {}",
            done.text
        );
    }
}

async fn each_log_in_is_in_the_audit_log(kind: Kind) {
    let app = start(kind).await;
    let token = app.add_operator("vera", Role::Viewer).await;
    let gate = gate(&app).await;

    log_in(&gate, RIGHT, browser(None)).await.1.unwrap();
    log_in(&gate, ("asha", "wrong", ""), browser(None)).await;
    read(gate.log_in(&token, browser(None)).await.unwrap())
        .1
        .unwrap();

    let audited = "SELECT operator || ' ' || subject || ' ' || detail FROM audit_events \
         WHERE action = 'log_in' ORDER BY id";
    let expected = [
        "asha operator asha by password, from 192.0.2.1, Firefox, Linux",
        "vera operator vera by token, from 192.0.2.1, Firefox, Linux",
    ];
    assert_eq!(app.database.texts(audited).await, expected);
}

async fn a_password_made_by_an_admin_opens_one_session_which_must_set_another(kind: Kind) {
    let app = start(kind).await;
    let vera = app.add_operator("vera", Role::Viewer).await;
    let gate = gate(&app).await;
    let asha = log_in(&gate, RIGHT, browser(None)).await.1.unwrap();
    let before = read(gate.log_in(&vera, browser(None)).await.unwrap())
        .1
        .unwrap();
    let reset = [("act", "reset-password")];

    let forged = submit(&app, &before, "/operator/people/asha", &reset).await;
    assert_eq!(forged.status, 403, "a viewer");
    let own = submit(&app, &asha, "/operator/people/asha", &reset).await;
    assert_eq!(own.status, 403, "an admin's own");
    let reset = [("act", "reset-password"), ("proof", PASSWORD)];
    let page = submit(&app, &asha, "/operator/people/vera", &reset).await;
    let once = page.text.split("id=\"fresh\">").nth(1).unwrap();
    let once = once.split('<').next().unwrap().to_owned();

    assert_eq!(
        visit(&app, &before, "/operator").await.status,
        303,
        "sessions are ended"
    );
    let (_, session) = log_in(&gate, ("vera", &once, ""), browser(None)).await;
    let session = session.unwrap();
    assert_eq!(
        log_in(&gate, ("vera", &once, ""), browser(None)).await.0,
        "wrong",
        "once"
    );
    for path in ["/operator", "/operator/orders"] {
        let answer = visit(&app, &session, path).await;
        assert_eq!(
            answer.header("location"),
            Some("/operator/access"),
            "{path}"
        );
    }
    let api = visit(&app, &session, "/api/v1/operator/orders").await;
    api.assert_problem(403, "forbidden");
    assert_eq!(visit(&app, &session, "/operator/access").await.status, 200);
    let token = [("act", "add-token"), ("label", "mine")];
    let token = submit(&app, &session, "/operator/access", &token).await;
    assert_eq!(token.status, 403, "a password comes first");
    let new = "kisima cha mjomba";
    let fields = [("act", "set-password"), ("password", new), ("again", new)];
    let set = submit(&app, &session, "/operator/access", &fields).await;
    assert_eq!(set.status, 303, "{}", set.text);
    assert_eq!(visit(&app, &session, "/operator/orders").await.status, 200);
    assert_eq!(
        log_in(&gate, ("vera", new, ""), browser(None)).await.0,
        "opened"
    );
    let audited = "SELECT operator || ' ' || action || ' ' || subject FROM audit_events \
         WHERE action LIKE '%password' AND operator <> 'test' ORDER BY id";
    let expected = [
        "asha reset_password operator vera",
        "vera set_password operator vera",
    ];
    assert_eq!(app.database.texts(audited).await, expected);
}

async fn operators_see_and_end_their_sessions_and_an_admin_those_of_others(kind: Kind) {
    let app = start(kind).await;
    let vera = app.add_operator("vera", Role::Viewer).await;
    let gate = gate(&app).await;
    let open = async || {
        read(gate.log_in(&vera, browser(None)).await.unwrap())
            .1
            .unwrap()
    };
    let (here, other, third) = (open().await, open().await, open().await);
    let asha = log_in(&gate, RIGHT, browser(None)).await.1.unwrap();

    let page = visit(&app, &here, "/operator/access").await;
    assert_eq!(
        page.text.matches("Firefox, Linux").count(),
        3,
        "{}",
        page.text
    );
    assert_eq!(page.text.matches("192.0.2.1").count(), 3);
    assert_eq!(page.text.matches("this one").count(), 1);
    let of_asha = "SELECT id FROM operator_sessions WHERE operator = 'asha'";
    let of_asha = app.database.count(of_asha).await.to_string();
    let end = [("act", "end-session"), ("session", of_asha.as_str())];
    submit(&app, &here, "/operator/access", &end).await;
    assert_eq!(
        visit(&app, &asha, "/operator").await.status,
        200,
        "another operator's"
    );
    let second =
        "SELECT id FROM operator_sessions WHERE operator = 'vera' ORDER BY id LIMIT 1 OFFSET 1";
    let second = app.database.count(second).await.to_string();
    let end = [("act", "end-session"), ("session", second.as_str())];
    submit(&app, &here, "/operator/access", &end).await;
    assert_eq!(visit(&app, &other, "/operator").await.status, 303);
    assert_eq!(visit(&app, &third, "/operator").await.status, 200);
    submit(&app, &here, "/operator/access", &[("act", "end-sessions")]).await;
    assert_eq!(visit(&app, &third, "/operator").await.status, 303);
    assert_eq!(
        visit(&app, &here, "/operator").await.status,
        200,
        "this one stays"
    );

    let all = [("act", "end-sessions")];
    let ended = submit(&app, &asha, "/operator/people/vera", &all).await;
    assert_eq!(ended.status, 303, "{}", ended.text);
    assert_eq!(visit(&app, &here, "/operator").await.status, 303);
}
