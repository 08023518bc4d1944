//! What operators and their machines see: the actors, metrics, health, the documentation and the
//! log.

use malipo::domain::people::Secret;
use malipo::http::auth::{Gate, Typed};
use malipo::store::{
    AuditEntry, Browser, Fingerprint, Hashing, LogInResult, NewPassword, NewSession,
};
use reqwest::redirect::Policy;
use serde_json::Value;

use crate::harness::{Answer, TOKEN, TestApp, TestOrder};

mod access;
mod actors;
mod docs;
mod health;
mod journal;
mod log;
mod masking;
mod metrics;
mod named_tokens;
mod numbers;
mod online;
mod openapi;
mod orders;
mod own_access;
mod passivation;
mod passwords;
mod refs;
mod rights;
mod second_factor;
mod sessions;
mod size;
mod terminal;
mod timeline;
mod tokens;
mod viewers;
mod watching;

/// The gate of another process on the same database, without a token of the configuration.
async fn gate(app: &TestApp) -> Gate {
    Gate::new(app.store_beside().await, None, false)
}

/// A browser, which has the cookie of an earlier session or none.
fn browser(earlier: Option<&NewSession>) -> Browser {
    let device = earlier.and_then(|session| session.device.as_ref());
    Browser {
        network: "192.0.2.1".to_owned(),
        family: "Firefox, Linux".to_owned(),
        device: device.map(|device| Fingerprint::of(device.expose())),
    }
}

/// The result of a log-in in a word, and its session.
fn read(done: LogInResult) -> (&'static str, Option<NewSession>) {
    match done {
        LogInResult::Opened(session) => ("opened", Some(session)),
        LogInResult::Wrong => ("wrong", None),
        LogInResult::TooSoon { .. } => ("too soon", None),
    }
}

/// A log-in with a name and a password.
async fn log_in(
    gate: &Gate,
    (name, password, code): (&str, &str, &str),
    from: Browser,
) -> (&'static str, Option<NewSession>) {
    let typed = Typed {
        name,
        password,
        code,
    };
    read(gate.log_in_by_name(typed, from).await.unwrap())
}

/// Gives an operator a password.
async fn set_password(app: &TestApp, operator: &str, password: &str, is_once: bool) {
    let store = app.store_beside().await;
    let new = NewPassword {
        operator: operator.to_owned(),
        hash: Hashing::default()
            .hash(Secret::new(password))
            .await
            .unwrap(),
        is_once,
        session: None,
    };
    assert!(
        store
            .set_password(new, entry("set_password"))
            .await
            .unwrap()
    );
}

fn entry(action: &'static str) -> AuditEntry {
    AuditEntry {
        operator: "test".to_owned(),
        action,
        order_id: None,
        subject: "test".to_owned(),
        detail: None,
    }
}

/// A client that shows redirects instead of following them.
fn http_without_redirects() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy();
    client.redirect(Policy::none()).build().unwrap()
}

/// A page of the console, opened with a session. A redirect is not followed.
async fn visit(app: &TestApp, session: &NewSession, path: &str) -> Answer {
    send(http_without_redirects().get(app.url(path)), session).await
}

/// Sends a form of the console with a session and its CSRF token.
async fn submit(
    app: &TestApp,
    session: &NewSession,
    path: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("csrf", session.csrf.expose())
        .extend_pairs(fields)
        .finish();
    let request = http_without_redirects().post(app.url(path));
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    send(request, session).await
}

async fn send(request: reqwest::RequestBuilder, session: &NewSession) -> Answer {
    let cookie = format!("malipo_session={}", session.cookie.expose());
    Answer::of(request.header("cookie", cookie).send().await.unwrap()).await
}

/// One order's actor.
async fn actor(app: &TestApp, id: &str) -> Answer {
    app.get_as_operator(&format!("/api/v1/operator/actors/{id}"))
        .await
}

/// An order's row among the busiest ones.
fn row_of(seen: &Value, order: &TestOrder) -> Value {
    let rows = seen["busiest"].as_array().unwrap();
    rows.iter()
        .find(|row| row["order"] == order.id[..8])
        .unwrap()
        .clone()
}

/// Opens an event stream of an order. Its first event shows that the waiter is registered and has
/// read the order, so that later changes wake it; a poll shows that only by its end.
async fn watch(app: &TestApp, order: &TestOrder) -> reqwest::Response {
    let url = app.portal(&format!("/payment/status/{}/events", order.id));
    let mut events = app.http.get(url).send().await.unwrap();
    assert!(events.chunk().await.unwrap().is_some());
    events
}

/// `GET` as if through a proxy, with or without the operator's token.
async fn get_from_afar(app: &TestApp, path: &str, forwarded: &str, operator: bool) -> Answer {
    let mut request = app.http.get(app.url(path)).header(forwarded, "203.0.113.7");
    if operator {
        request = request.bearer_auth(TOKEN);
    }
    Answer::of(request.send().await.unwrap()).await
}
