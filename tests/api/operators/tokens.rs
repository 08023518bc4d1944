//! Operators' own tokens: each has a role, is refused at once when disabled, and is stored as a
//! hash.

use malipo::domain::people::Role;

use crate::harness::{Answer, Kind, TestApp};

on_both_databases! {
    each_operator_has_access_with_their_own_token,
    a_disabled_operator_loses_access_at_once,
    no_token_is_stored_in_the_database,
    a_viewer_changes_nothing_whatever_the_path,
    operators_may_read_the_metrics_through_a_proxy,
}

const ACTORS: &str = "/api/v1/operator/actors";

async fn status(app: &TestApp, token: &str) -> u16 {
    app.get_with(ACTORS, token).await.status
}

async fn each_operator_has_access_with_their_own_token(kind: Kind) {
    let app = TestApp::start(kind).await;

    let viewer = app.add_operator("vera", Role::Viewer).await;
    let admin = app.add_operator("asha", Role::Admin).await;

    assert_ne!(viewer, admin);
    for token in [&viewer, &admin] {
        assert_eq!(status(&app, token).await, 200);
        for wrong in [
            &token[1..],
            &format!("{token}0"),
            &token.to_uppercase(),
            &"0".repeat(64),
            &"x".repeat(10_000),
        ] {
            let answer = app.get_with(ACTORS, wrong).await;
            assert!(
                answer.code() == "unauthorized" || answer.status == 431,
                "{} {}",
                answer.status,
                answer.text
            );
        }
    }
}

async fn a_disabled_operator_loses_access_at_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    let store = app.store_beside().await;
    let token = app.add_operator("asha", Role::Admin).await;
    assert_eq!(status(&app, &token).await, 200);

    assert!(store.disable_operator("asha", None).await.unwrap());

    assert_eq!(status(&app, &token).await, 401);
    assert!(
        !store.disable_operator("asha", None).await.unwrap(),
        "done already"
    );
    assert!(!store.disable_operator("nobody", None).await.unwrap());
    let again = app.add_operator("asha", Role::Viewer).await;
    assert_eq!(status(&app, &again).await, 200);
    assert_eq!(status(&app, &token).await, 401, "the old one stays out");
}

async fn no_token_is_stored_in_the_database(kind: Kind) {
    let app = TestApp::start(kind).await;

    let token = app.add_operator("asha", Role::Admin).await;

    let kept = app
        .database
        .text("SELECT token_hash FROM operator_tokens")
        .await;
    let kept = kept.unwrap();
    assert!(!kept.contains(&token) && !token.contains(&kept));
    assert_eq!(status(&app, &kept).await, 401, "a hash opens nothing");
}

async fn a_viewer_changes_nothing_whatever_the_path(kind: Kind) {
    let app = TestApp::start(kind).await;
    let viewer = app.add_operator("vera", Role::Viewer).await;

    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for path in ["/actors", "/orders/x/refund", "/nowhere"] {
            let url = app.url(&format!("/api/v1/operator{path}"));
            let request = app.http.request(method.parse().unwrap(), url);
            let answer = Answer::of(request.bearer_auth(&viewer).send().await.unwrap()).await;
            answer.assert_problem(403, "forbidden");
        }
    }
}

async fn operators_may_read_the_metrics_through_a_proxy(kind: Kind) {
    let app = TestApp::start(kind).await;
    let viewer = app.add_operator("vera", Role::Viewer).await;

    for (token, expected) in [(viewer.as_str(), 200), ("wrong", 401)] {
        let request = app
            .http
            .get(app.url("/metrics"))
            .header("x-forwarded-for", "203.0.113.7");
        let answer = request.bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), expected);
    }
}
