//! The guest's pages as they come over the wire. How a browser shows them is tested in
//! `tests/browser`.

use reqwest::redirect::Policy;

use crate::harness::{Answer, TestApp};

mod arriving;
mod browser;
mod buying;
mod compression;
mod letting_go;
mod open_order;
mod orders;
mod other_routers;
mod paid;
mod refused;
mod requests;
mod trouble;
pub mod voucher;

/// The `Accept` header that a browser sends when a person opens a page.
const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// `GET` of a page, in English, to keep the tests readable.
pub async fn page(app: &TestApp, path: &str) -> Answer {
    let request = app
        .http
        .get(app.url(path))
        .header("accept", BROWSER)
        .header("accept-language", "en");
    Answer::of(request.send().await.unwrap()).await
}

/// `POST` of a form, in English; a redirect is not followed.
pub async fn submit(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    let client = reqwest::Client::builder().redirect(Policy::none());
    let request = client
        .build()
        .unwrap()
        .post(app.url(path))
        .header("accept", BROWSER)
        .header("accept-language", "en")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(serde_urlencoded::to_string(fields).unwrap());
    Answer::of(request.send().await.unwrap()).await
}

/// How many orders there are.
async fn orders(app: &TestApp) -> i64 {
    app.database.count("SELECT COUNT(*) FROM payments").await
}
