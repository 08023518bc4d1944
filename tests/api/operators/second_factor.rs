//! Codes of an authenticator: set up with one, needed at each log-in, used once.

use futures_util::future::join;
use malipo::domain::people::{Role, Secret, totp};
use malipo::store::NewSession;

use super::{browser, gate, log_in, set_password, submit, visit};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    an_authenticator_is_set_up_with_a_code_and_then_needed,
    a_code_is_used_once_also_by_two_at_the_same_moment,
    a_recovery_code_opens_one_log_in,
    ten_wrong_codes_are_too_many,
    only_a_code_or_an_admin_switches_it_off,
}

const PASSWORD: &str = "mti mkubwa wa embe";

/// An operator with a password and an authenticator: the app, a session, the secret and recovery codes.
async fn start(kind: Kind) -> (TestApp, NewSession, Secret, Vec<String>) {
    let app = TestApp::start(kind).await;
    app.add_operator("asha", Role::Viewer).await;
    set_password(&app, "asha", PASSWORD, false).await;
    let gate = gate(&app).await;
    let session = log_in(&gate, ("asha", PASSWORD, ""), browser(None)).await.1;
    let session = session.unwrap();
    let begin = [("act", "begin-factor"), ("proof", PASSWORD)];
    submit(&app, &session, "/operator/access", &begin).await;
    let secret = app.database.text("SELECT totp_secret FROM operators").await;
    let secret = Secret::new(secret.unwrap());
    let page = visit(&app, &session, "/operator/access").await;
    assert!(page.text.contains("<svg class=\"scan\""), "{}", page.text);

    // Not needed before a code was seen.
    assert_eq!(
        log_in(&gate, ("asha", PASSWORD, ""), browser(None)).await.0,
        "opened"
    );
    let wrong = [("act", "confirm-factor"), ("code", "000000x")];
    assert_eq!(
        submit(&app, &session, "/operator/access", &wrong)
            .await
            .status,
        403
    );
    let code = now(&secret);
    let confirm = [("act", "confirm-factor"), ("code", code.as_str())];
    let page = submit(&app, &session, "/operator/access", &confirm).await;
    let list = page.text.split("<ul id=\"codes\">").nth(1).unwrap();
    let codes = list.split("</ul>").next().unwrap().split("<code>").skip(1);
    let codes: Vec<String> = codes
        .map(|it| it.split('<').next().unwrap().to_owned())
        .collect();
    assert_eq!(codes.len(), 10);
    (app, session, secret, codes)
}

/// The code of this moment. The next step may begin before it is used; it is valid then too.
fn now(secret: &Secret) -> String {
    totp::code(secret, chrono::Utc::now().timestamp() / 30).unwrap()
}

/// Lets a test use the code of this moment again.
async fn forget_used_codes(app: &TestApp) {
    app.database
        .execute("UPDATE operators SET totp_last_step = 0")
        .await;
}

async fn an_authenticator_is_set_up_with_a_code_and_then_needed(kind: Kind) {
    let (app, session, secret, _) = start(kind).await;
    let gate = gate(&app).await;
    forget_used_codes(&app).await;

    for code in ["", "000000x", "12345"] {
        assert_eq!(
            log_in(&gate, ("asha", PASSWORD, code), browser(None))
                .await
                .0,
            "wrong"
        );
    }
    let code = now(&secret);
    assert_eq!(
        log_in(&gate, ("asha", "wrong", &code), browser(None))
            .await
            .0,
        "wrong"
    );
    assert_eq!(
        log_in(&gate, ("asha", PASSWORD, &code), browser(None))
            .await
            .0,
        "opened"
    );

    let page = visit(&app, &session, "/operator/access").await;
    assert!(!page.text.contains(secret.expose()) && !page.text.contains("class=\"scan\""));
    let begin = [("act", "begin-factor"), ("proof", PASSWORD)];
    submit(&app, &session, "/operator/access", &begin).await;
    let kept = app.database.text("SELECT totp_secret FROM operators").await;
    assert_eq!(
        kept.as_deref(),
        Some(secret.expose()),
        "a session alone replaces nothing"
    );
    let audited = "SELECT operator || ' ' || action FROM audit_events WHERE action LIKE '%factor'";
    assert_eq!(
        app.database.texts(audited).await,
        ["asha set_up_second_factor"]
    );
}

async fn a_code_is_used_once_also_by_two_at_the_same_moment(kind: Kind) {
    let (app, _, secret, _) = start(kind).await;
    let gate = gate(&app).await;
    let confirmed = "SELECT totp_last_step FROM operators";
    let step = app.database.count(confirmed).await;
    let used = totp::code(&secret, step).unwrap();
    assert_eq!(
        log_in(&gate, ("asha", PASSWORD, &used), browser(None))
            .await
            .0,
        "wrong"
    );

    forget_used_codes(&app).await;
    let again = now(&secret);
    let (one, other) = join(
        log_in(&gate, ("asha", PASSWORD, &again), browser(None)),
        log_in(&gate, ("asha", PASSWORD, &again), browser(None)),
    )
    .await;

    let mut words = [one.0, other.0];
    words.sort_unstable();
    assert_eq!(words, ["opened", "wrong"]);
}

async fn a_recovery_code_opens_one_log_in(kind: Kind) {
    let (app, _, _, codes) = start(kind).await;
    let gate = gate(&app).await;
    let typed = codes[3].to_uppercase().replace('-', " ");

    for (code, word) in [
        (&typed, "opened"),
        (&codes[3], "wrong"),
        (&codes[4], "opened"),
    ] {
        let done = log_in(&gate, ("asha", PASSWORD, code), browser(None))
            .await
            .0;
        assert_eq!(done, word, "{code}");
    }
    let left = "SELECT COUNT(*) FROM operator_recovery_codes";
    assert_eq!(app.database.count(left).await, 8);
    let dump = app.database.dump();
    assert!(!dump.contains(&codes[0]) && !dump.contains(&codes[0].replace('-', "")));
}

async fn ten_wrong_codes_are_too_many(kind: Kind) {
    let (app, _, secret, _) = start(kind).await;
    let gate = gate(&app).await;
    forget_used_codes(&app).await;

    for _ in 0..10 {
        assert_eq!(
            log_in(&gate, ("asha", PASSWORD, "000000x"), browser(None))
                .await
                .0,
            "wrong"
        );
    }

    let right = log_in(&gate, ("asha", PASSWORD, &now(&secret)), browser(None))
        .await
        .0;
    assert_eq!(right, "too soon");
}

async fn only_a_code_or_an_admin_switches_it_off(kind: Kind) {
    let (app, session, secret, codes) = start(kind).await;
    let juma = app.add_operator("juma", Role::Admin).await;
    let gate = gate(&app).await;
    let end = async |code: &str| {
        let fields = [("act", "end-factor"), ("code", code)];
        submit(&app, &session, "/operator/access", &fields).await
    };

    assert_eq!(end("000000x").await.status, 403);
    let renew = [("act", "renew-codes"), ("code", codes[0].as_str())];
    let renewed = submit(&app, &session, "/operator/access", &renew).await;
    assert!(renewed.text.contains("id=\"codes\""), "{}", renewed.text);
    assert_eq!(
        end(&codes[1]).await.status,
        403,
        "the former codes are worth nothing"
    );
    forget_used_codes(&app).await;
    assert_eq!(end(&now(&secret)).await.status, 303);
    assert_eq!(
        log_in(&gate, ("asha", PASSWORD, ""), browser(None)).await.0,
        "opened"
    );

    app.database
        .execute("UPDATE operators SET totp_secret = 'A', totp_confirmed = true")
        .await;
    let token = juma;
    let juma = gate.log_in(&token, browser(None)).await.unwrap();
    let juma = super::read(juma).1.unwrap();
    let reset = [("act", "reset-factor"), ("proof", token.as_str())];
    assert_eq!(
        submit(&app, &session, "/operator/people/asha", &reset)
            .await
            .status,
        403
    );
    assert_eq!(
        submit(&app, &juma, "/operator/people/asha", &reset)
            .await
            .status,
        303
    );
    assert_eq!(
        log_in(&gate, ("asha", PASSWORD, ""), browser(None)).await.0,
        "opened"
    );
    let audited = "SELECT operator || ' ' || action FROM audit_events \
         WHERE action LIKE '%factor' OR action LIKE '%codes' ORDER BY id";
    let expected = [
        "asha set_up_second_factor",
        "asha renew_recovery_codes",
        "asha end_second_factor",
        "juma reset_second_factor",
    ];
    assert_eq!(app.database.texts(audited).await, expected);
}
