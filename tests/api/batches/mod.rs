//! Batches of printed vouchers: what is on a card, which cards are revoked with their batch, and who
//! gets the codes.

use serde_json::{Value, json};

use crate::harness::{Answer, Kind, TOKEN, TestApp};

mod access;
mod cards;
mod revoking;

const BATCHES: &str = "/api/v1/operator/vouchers/batches";

async fn post(app: &TestApp, path: &str, body: &Value) -> Answer {
    let request = app.http.post(app.url(path)).bearer_auth(TOKEN).json(body);
    Answer::of(request.send().await.unwrap()).await
}

async fn submit(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let request = app.http.post(app.url(path)).bearer_auth(TOKEN);
    let form_type = "application/x-www-form-urlencoded";
    let request = request.header("content-type", form_type).body(form);
    Answer::of(request.send().await.unwrap()).await
}

/// Makes the first batch of this database, and returns its codes by serial.
async fn print(app: &TestApp, count: u16) -> Vec<String> {
    let body = json!({"package": "daily", "count": count, "note": "kiosk"});
    let made = post(app, BATCHES, &body).await;
    assert_eq!((made.status, &made.json()["batch"]), (201, &json!(1)));
    codes(app).await
}

async fn codes(app: &TestApp) -> Vec<String> {
    let codes = "SELECT code FROM vouchers WHERE batch_id = 1 ORDER BY id";
    app.database.texts(codes).await
}

/// Inserts a session of this voucher, which began just now, as FreeRADIUS writes it.
async fn log_in(app: &TestApp, kind: Kind, code: &str) {
    let now = match kind {
        Kind::Sqlite => "CAST(strftime('%s', 'now') AS integer)",
        Kind::Postgres => "now()",
    };
    let sql = format!(
        "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
         VALUES ('s{code}', 's{code}', '{code}', '10.0.0.1', {now})"
    );
    assert_eq!(app.database.execute(&sql).await, 1);
}

async fn batch(app: &TestApp, token: &str) -> Value {
    let answer = app.get_with(&format!("{BATCHES}/1"), token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}
