//! Console sessions: the cookie, the token against forged writes, and the delays after wrong
//! guesses.

use futures_util::future::join_all;
use malipo::domain::people::{Role, Secret};
use malipo::http::auth::Gate;
use malipo::store::{Browser, LogInResult, NewSession};
use reqwest::Method;

use crate::harness::{Answer, Kind, TOKEN, TestApp};

on_both_databases! {
    a_session_reads_and_needs_its_csrf_token_to_write,
    a_session_ends_with_its_token,
    a_session_ends_automatically_and_at_the_log_out,
    the_bootstrap_token_opens_a_session_that_ends_with_it,
    wrong_log_ins_slow_down_after_the_third,
    a_token_that_the_server_has_made_is_never_delayed,
    simultaneous_guesses_are_counted_one_by_one,
    no_cookie_is_stored_in_the_database,
}

const HERE: &str = "192.0.2.1";
const LONG_AGO: &str = "2020-01-01T00:00:00+00:00";

async fn gate(app: &TestApp, bootstrap: &str) -> Gate {
    let store = app.store_beside().await;
    Gate::new(store, Some(Secret::new(bootstrap)), false)
}

async fn log_in(gate: &Gate, token: &str, from: &str) -> LogInResult {
    let browser = Browser {
        network: from.to_owned(),
        family: "Firefox, Linux".to_owned(),
        device: None,
    };
    gate.log_in(token, browser).await.unwrap()
}

async fn open(gate: &Gate, token: &str) -> NewSession {
    match log_in(gate, token, HERE).await {
        LogInResult::Opened(session) => session,
        LogInResult::Wrong | LogInResult::TooSoon { .. } => panic!("not logged in"),
    }
}

/// A request that a browser with this session makes.
async fn browse(app: &TestApp, method: Method, session: &NewSession, csrf: Option<&str>) -> Answer {
    let mut request = app
        .http
        .request(method, app.url("/api/v1/operator/actors"))
        .header(
            "cookie",
            format!("a=b; malipo_session={}", session.cookie.expose()),
        );
    if let Some(csrf) = csrf {
        request = request.header("x-csrf-token", csrf);
    }
    Answer::of(request.send().await.unwrap()).await
}

async fn looks(app: &TestApp, session: &NewSession) -> u16 {
    browse(app, Method::GET, session, None).await.status
}

async fn a_session_reads_and_needs_its_csrf_token_to_write(kind: Kind) {
    let app = TestApp::start(kind).await;
    let gate = gate(&app, TOKEN).await;
    let admin = open(&gate, &app.add_operator("asha", Role::Admin).await).await;
    let viewer = open(&gate, &app.add_operator("vera", Role::Viewer).await).await;
    let write = async |session: &NewSession, csrf: Option<&str>| {
        browse(&app, Method::POST, session, csrf).await
    };

    assert_eq!(looks(&app, &admin).await, 200);
    assert_eq!(looks(&app, &viewer).await, 200);
    let others = viewer.csrf.expose();
    for forged in [None, Some(""), Some("wrong"), Some(others)] {
        let answer = write(&admin, forged).await;
        answer.assert_problem(403, "forbidden");
    }
    // This path has no POST, but the request passed the gate.
    assert_eq!(write(&admin, Some(admin.csrf.expose())).await.status, 405);
    let by_viewer = write(&viewer, Some(viewer.csrf.expose())).await;
    by_viewer.assert_problem(403, "forbidden");
    // A bearer token needs no CSRF token, and takes precedence over a session.
    let url = app.url("/api/v1/operator/actors");
    let by_token = app.http.post(&url).bearer_auth(TOKEN).send().await;
    assert_eq!(by_token.unwrap().status(), 405);
    let both = app.http.get(&url).bearer_auth("wrong").header(
        "cookie",
        format!("malipo_session={}", admin.cookie.expose()),
    );
    assert_eq!(both.send().await.unwrap().status(), 401);
}

async fn a_session_ends_with_its_token(kind: Kind) {
    let app = TestApp::start(kind).await;
    let gate = gate(&app, TOKEN).await;
    let asha = open(&gate, &app.add_operator("asha", Role::Admin).await).await;
    let vera = open(&gate, &app.add_operator("vera", Role::Viewer).await).await;

    let store = app.store_beside().await;
    assert!(store.disable_operator("asha", None).await.unwrap());

    assert_eq!(looks(&app, &asha).await, 401);
    assert_eq!(
        looks(&app, &vera).await,
        200,
        "other sessions are unaffected"
    );
    app.add_operator("asha", Role::Admin).await;
    assert_eq!(looks(&app, &asha).await, 401, "a new token, new sessions");
}

async fn a_session_ends_automatically_and_at_the_log_out(kind: Kind) {
    let app = TestApp::start(kind).await;
    let gate = gate(&app, TOKEN).await;
    let token = app.add_operator("asha", Role::Admin).await;
    let (expired, left, stays) = (
        open(&gate, &token).await,
        open(&gate, &token).await,
        open(&gate, &token).await,
    );

    app.database
        .execute(&format!(
            "UPDATE operator_sessions SET expires_at = '{LONG_AGO}' WHERE id = (SELECT MIN(id) FROM operator_sessions)"
        ))
        .await;
    let mut headers = actix_web::http::header::HeaderMap::new();
    let cookie = format!("malipo_session={}", left.cookie.expose());
    headers.insert(actix_web::http::header::COOKIE, cookie.parse().unwrap());
    gate.log_out(&headers).await.unwrap();

    assert_eq!(looks(&app, &expired).await, 401);
    assert_eq!(looks(&app, &left).await, 401);
    assert_eq!(looks(&app, &stays).await, 200);
    open(&gate, &token).await;
    let kept = "SELECT COUNT(*) FROM operator_sessions";
    assert_eq!(
        app.database.count(kept).await,
        2,
        "ended sessions are deleted"
    );
    let lasts = stays.expires_at - chrono::Utc::now();
    assert!((11..=12).contains(&lasts.num_hours()), "{lasts}");
    for (https, secure) in [(false, ""), (true, "; Secure")] {
        let gate = Gate::new(app.store_beside().await, None, https);
        let cookie = gate.cookie(&stays);
        let (value, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(value, format!("malipo_session={}", stays.cookie.expose()));
        assert!(
            attributes.starts_with("Path=/; HttpOnly; SameSite=Lax; Max-Age=4"),
            "{attributes}"
        );
        assert!(attributes.ends_with(secure) && https == attributes.contains("Secure"));
        assert_eq!(
            gate.no_cookie(),
            format!("malipo_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}")
        );
    }
}

async fn the_bootstrap_token_opens_a_session_that_ends_with_it(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (now, before) = (
        gate(&app, TOKEN).await,
        gate(&app, "last-week-s-token").await,
    );

    let session = open(&now, TOKEN).await;
    let of_old = open(&before, "last-week-s-token").await;

    assert_eq!(looks(&app, &session).await, 200);
    assert_eq!(
        looks(&app, &of_old).await,
        401,
        "another token is configured"
    );
}

async fn wrong_log_ins_slow_down_after_the_third(kind: Kind) {
    let app = TestApp::start(kind).await;
    let gate = gate(&app, TOKEN).await;
    let token = TOKEN;

    for _ in 0..3 {
        assert!(matches!(
            log_in(&gate, "wrong", HERE).await,
            LogInResult::Wrong
        ));
    }

    // A token of fewer than 128 bits is delayed too when it is right: an answer would help a guesser.
    for tried in ["wrong", token] {
        let LogInResult::TooSoon { retry_after_secs } = log_in(&gate, tried, HERE).await else {
            panic!("not slowed down");
        };
        assert!((1..=2).contains(&retry_after_secs), "{retry_after_secs}");
    }
    let from_other_client = log_in(&gate, token, "192.0.2.2").await;
    assert!(matches!(from_other_client, LogInResult::Opened(_)));
    let failures = "SELECT CAST(failures AS bigint) FROM login_failures";
    assert_eq!(app.database.count(failures).await, 3);
    end_the_delay(&app, kind).await;
    assert!(matches!(
        log_in(&gate, "wrong", HERE).await,
        LogInResult::Wrong
    ));
    let LogInResult::TooSoon { retry_after_secs } = log_in(&gate, token, HERE).await else {
        panic!("not slowed down");
    };
    assert!(
        (2..=4).contains(&retry_after_secs),
        "twice as long: {retry_after_secs}"
    );
    end_the_delay(&app, kind).await;
    open(&gate, token).await;
    let rows = "SELECT COUNT(*) FROM login_failures";
    assert_eq!(app.database.count(rows).await, 0, "forgiven");
}

async fn a_token_that_the_server_has_made_is_never_delayed(kind: Kind) {
    let app = TestApp::start(kind).await;
    let strong = "0123456789abcdef0123456789abcdef";
    let (weak, long) = (gate(&app, TOKEN).await, gate(&app, strong).await);
    let token = app.add_operator("asha", Role::Admin).await;
    for _ in 0..4 {
        log_in(&weak, "wrong", HERE).await;
    }
    let failures = "UPDATE login_failures SET failures = 12";
    app.database.execute(failures).await;

    let delayed = log_in(&weak, TOKEN, HERE).await;
    assert!(matches!(delayed, LogInResult::TooSoon { .. }));
    open(&weak, &token).await;
    for _ in 0..4 {
        log_in(&weak, "wrong", HERE).await;
    }
    app.database.execute(failures).await;
    open(&long, strong).await;
}

/// Makes the last wrong try six minutes older, longer than any delay.
async fn end_the_delay(app: &TestApp, kind: Kind) {
    let earlier = match kind {
        Kind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', last_failed_at, '-6 minutes')",
        Kind::Postgres => "last_failed_at - interval '6 minutes'",
    };
    let sql = format!("UPDATE login_failures SET last_failed_at = {earlier}");
    assert_eq!(app.database.execute(&sql).await, 1);
}

async fn simultaneous_guesses_are_counted_one_by_one(kind: Kind) {
    let app = TestApp::start(kind).await;
    let gate = gate(&app, TOKEN).await;

    let guesses = join_all((0..12).map(|_| log_in(&gate, "wrong", HERE))).await;

    let looked_at = guesses
        .iter()
        .filter(|guess| matches!(guess, LogInResult::Wrong));
    assert_eq!(looked_at.count(), 3);
    let failures = "SELECT CAST(failures AS bigint) FROM login_failures";
    assert_eq!(app.database.count(failures).await, 3);
}

async fn no_cookie_is_stored_in_the_database(kind: Kind) {
    let app = TestApp::start(kind).await;
    let session = open(&gate(&app, TOKEN).await, TOKEN).await;

    for column in ["session_hash", "token_hash"] {
        let kept = app
            .database
            .text(&format!("SELECT {column} FROM operator_sessions"))
            .await
            .unwrap();
        for secret in [session.cookie.expose(), TOKEN] {
            assert!(!kept.contains(secret));
        }
    }
    assert_ne!(session.cookie, session.csrf);
}
