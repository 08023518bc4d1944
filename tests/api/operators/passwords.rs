//! Log-in with a name and a password: what is right, and what is counted.

use futures_util::future::join_all;
use malipo::domain::people::Role;
use malipo::http::auth::Typed;
use malipo::store::LogInResult;

use super::{browser, gate, http_without_redirects, log_in, read, set_password, visit};
use crate::harness::{Answer, Kind, TestApp};

on_both_databases! {
    a_name_and_its_password_open_a_session_until_the_operator_is_disabled,
    after_ten_wrong_ones_a_browser_that_is_known_still_logs_in,
    guesses_at_once_and_in_two_processes_are_counted_one_by_one,
    a_name_that_does_not_exist_is_answered_and_counted_like_one_that_does,
    another_browsers_cookie_does_not_make_it_known_to_a_name,
    no_password_is_readable_in_the_database,
}

const PASSWORD: &str = "mti mkubwa wa embe";

async fn start(kind: Kind) -> TestApp {
    let app = TestApp::start(kind).await;
    app.add_operator("asha", Role::Admin).await;
    set_password(&app, "asha", PASSWORD, false).await;
    app
}

const RIGHT: (&str, &str, &str) = ("asha", PASSWORD, "");
const WRONG: (&str, &str, &str) = ("asha", "mti mdogo wa embe", "");

async fn a_name_and_its_password_open_a_session_until_the_operator_is_disabled(kind: Kind) {
    let app = start(kind).await;
    let form = |password: &str| {
        let fields = [
            ("name", " asha "),
            ("password", password),
            ("next", "/operator/sales"),
        ];
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish()
    };
    let send = async |password: &str| {
        let request = http_without_redirects().post(app.url("/operator/login"));
        let sent = request.body(form(password)).send().await.unwrap();
        Answer::of(sent).await
    };

    let wrong = send("wrong").await;
    let right = send(PASSWORD).await;

    assert_eq!(wrong.status, 401);
    assert!(
        wrong
            .text
            .contains("The name, the password or the code is wrong")
    );
    assert_eq!(
        (right.status, right.header("location")),
        (303, Some("/operator/sales"))
    );
    let cookies: Vec<_> = right.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 2);
    for cookie in cookies {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    }

    let session = log_in(&gate(&app).await, RIGHT, browser(None))
        .await
        .1
        .unwrap();
    assert_eq!(visit(&app, &session, "/operator/sales").await.status, 200);
    let store = app.store_beside().await;
    assert!(store.disable_operator("asha", None).await.unwrap());
    assert_eq!(visit(&app, &session, "/operator/sales").await.status, 303);
    app.add_operator("asha", Role::Admin).await;
    let gate = gate(&app).await;
    assert_eq!(
        log_in(&gate, RIGHT, browser(None)).await.0,
        "wrong",
        "a new person"
    );
}

async fn after_ten_wrong_ones_a_browser_that_is_known_still_logs_in(kind: Kind) {
    let app = start(kind).await;
    let token = app.add_operator("juma", Role::Viewer).await;
    set_password(&app, "juma", "bahari ya chumvi", false).await;
    let gate = gate(&app).await;
    let (word, known) = log_in(&gate, RIGHT, browser(None)).await;
    assert_eq!(word, "opened");

    for _ in 0..10 {
        assert_eq!(log_in(&gate, WRONG, browser(None)).await.0, "wrong");
    }

    assert_eq!(log_in(&gate, WRONG, browser(None)).await.0, "too soon");
    assert_eq!(log_in(&gate, RIGHT, browser(None)).await.0, "too soon");
    let juma = ("juma", "bahari ya chumvi", "");
    assert_eq!(
        log_in(&gate, juma, browser(None)).await.0,
        "opened",
        "another name"
    );
    let by_token = gate.log_in(&token, browser(None)).await.unwrap();
    assert_eq!(read(by_token).0, "opened", "a token");
    let (word, known) = log_in(&gate, RIGHT, browser(known.as_ref())).await;
    assert_eq!(word, "opened", "the browser that is known");
    // It has ten of its own, which a right one forgives.
    for _ in 0..9 {
        assert_eq!(
            log_in(&gate, WRONG, browser(known.as_ref())).await.0,
            "wrong"
        );
    }
    let (word, known) = log_in(&gate, RIGHT, browser(known.as_ref())).await;
    assert_eq!(word, "opened");
    for _ in 0..10 {
        assert_eq!(
            log_in(&gate, WRONG, browser(known.as_ref())).await.0,
            "wrong"
        );
    }
    assert_eq!(
        log_in(&gate, RIGHT, browser(known.as_ref())).await.0,
        "too soon"
    );

    let (word, shared) = log_in(&gate, juma, browser(known.as_ref())).await;
    assert_eq!(word, "opened", "another operator in the same browser");
    assert_eq!(
        log_in(&gate, WRONG, browser(shared.as_ref())).await.0,
        "too soon",
        "the browser has another cookie now, and no ten new ones"
    );

    let earlier = match kind {
        Kind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', last_failed_at, '-61 minutes')",
        Kind::Postgres => "last_failed_at - interval '61 minutes'",
    };
    app.database
        .execute(&format!(
            "UPDATE login_failures SET last_failed_at = {earlier}"
        ))
        .await;
    assert_eq!(
        log_in(&gate, RIGHT, browser(None)).await.0,
        "opened",
        "an hour later"
    );
}

async fn guesses_at_once_and_in_two_processes_are_counted_one_by_one(kind: Kind) {
    let app = start(kind).await;
    let gates = [gate(&app).await, gate(&app).await];

    let guesses = join_all((0..50).map(|n| {
        let (name, password, code) = WRONG;
        let typed = Typed {
            name,
            password,
            code,
        };
        gates[n % 2].log_in_by_name(typed, browser(None))
    }))
    .await;

    // On a busy machine some do not get their turn, and are not counted either.
    let compared = guesses.iter().flatten();
    let compared = compared.filter(|guess| matches!(guess, LogInResult::Wrong));
    let compared = compared.count();
    assert!((1..=10).contains(&compared), "{compared}");
    for _ in compared..10 {
        assert_eq!(log_in(&gates[0], WRONG, browser(None)).await.0, "wrong");
    }
    assert_eq!(log_in(&gates[1], RIGHT, browser(None)).await.0, "too soon");
}

async fn a_name_that_does_not_exist_is_answered_and_counted_like_one_that_does(kind: Kind) {
    let app = start(kind).await;
    app.add_operator("tokenonly", Role::Viewer).await;
    let gate = gate(&app).await;

    for name in ["asha", "nobody", "tokenonly"] {
        for _ in 0..10 {
            let typed = (name, "mti mdogo wa embe", "");
            assert_eq!(
                log_in(&gate, typed, browser(None)).await.0,
                "wrong",
                "{name}"
            );
        }
        let typed = (name, "mti mdogo wa embe", "");
        assert_eq!(
            log_in(&gate, typed, browser(None)).await.0,
            "too soon",
            "{name}"
        );
    }
    for name in ["bootstrap", "", "a b", "\u{0}"] {
        let typed = (name, PASSWORD, "");
        assert_eq!(
            log_in(&gate, typed, browser(None)).await.0,
            "wrong",
            "{name:?}"
        );
    }
}

async fn another_browsers_cookie_does_not_make_it_known_to_a_name(kind: Kind) {
    let app = start(kind).await;
    app.add_operator("juma", Role::Viewer).await;
    set_password(&app, "juma", "bahari ya chumvi", false).await;
    let gate = gate(&app).await;
    let juma = ("juma", "bahari ya chumvi", "");
    let of_juma = log_in(&gate, juma, browser(None)).await.1;

    for _ in 0..10 {
        log_in(&gate, WRONG, browser(None)).await;
    }
    let with_jumas_cookie = log_in(&gate, RIGHT, browser(of_juma.as_ref())).await.0;
    assert_eq!(with_jumas_cookie, "too soon");

    // A cookie is replaced at each log-in, so that one which was copied or planted is worth nothing.
    let second = log_in(&gate, juma, browser(of_juma.as_ref())).await.1;
    for _ in 0..10 {
        log_in(&gate, ("juma", "wrong", ""), browser(None)).await;
    }
    assert_eq!(
        log_in(&gate, juma, browser(of_juma.as_ref())).await.0,
        "too soon"
    );
    assert_eq!(
        log_in(&gate, juma, browser(second.as_ref())).await.0,
        "opened"
    );
}

async fn no_password_is_readable_in_the_database(kind: Kind) {
    let app = start(kind).await;
    let session = log_in(&gate(&app).await, RIGHT, browser(None))
        .await
        .1
        .unwrap();

    let dump = app.database.dump();

    assert!(dump.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
    for secret in [
        PASSWORD,
        session.cookie.expose(),
        session.device.unwrap().expose(),
    ] {
        assert!(!dump.contains(secret), "{secret}");
    }
}
