//! Who is on-line, and ending a session.

use malipo::domain::people::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Kind, TOKEN, TestApp, TestOrder};
use crate::owner_link::true_code;

on_both_databases! {
    who_is_on_line_is_listed_with_the_forgotten_sessions_apart,
    a_session_is_found_by_code_device_router_and_order,
    a_session_is_ended_on_request_and_asked_again,
}

/// A guest's session, with this row of `radacct`. `ago` is in seconds, `stopped` a cause.
async fn session(app: &TestApp, id: i64, code: &str, mac: &str, ago: i64, stopped: Option<&str>) {
    let time = |ago: i64| match app.database.kind {
        Kind::Sqlite => format!("CAST(strftime('%s', 'now') AS integer) - {ago}"),
        Kind::Postgres => format!("now() - interval '{ago} seconds'"),
    };
    let (stop, cause) = match stopped {
        Some(cause) => (time(ago), cause),
        None => ("NULL".to_owned(), ""),
    };
    let sql = format!(
        "INSERT INTO radacct (radacctid, acctsessionid, acctuniqueid, username, nasipaddress, \
         packetsource, nasidentifier, callingstationid, acctstarttime, acctupdatetime, acctstoptime, \
         acctterminatecause, acctinputoctets, acctoutputoctets) \
         VALUES ({id}, 's{id}', 'u{id}', '{code}', '192.168.88.1', '127.8.7.9', 'MikroTik', '{mac}', \
         {}, {}, {stop}, '{cause}', 1000, 24)",
        time(ago + 60),
        time(ago)
    );
    assert_eq!(app.database.execute(&sql).await, 1);
}

/// A shop with a router and one guest's voucher.
async fn shop(kind: Kind) -> (TestApp, TestOrder, String) {
    let app = TestApp::start(kind).await;
    let router =
        "INSERT INTO nas (nasname, shortname, secret) VALUES ('127.8.7.9', 'bar', 'secret-of-bar')";
    app.database.execute(router).await;
    let order = app.buy_package("daily").await;
    app.deliver_word(&order, "COMPLETED").await;
    let code = true_code(&app, &order).await;
    (app, order, code)
}

async fn list(app: &TestApp, query: &str, token: &str) -> Value {
    let url = app.url(&format!("/api/v1/operator/sessions{query}"));
    let request = app.http.get(url).bearer_auth(token);
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn ids(list: &Value) -> Vec<(i64, bool)> {
    let sessions = list["sessions"].as_array().unwrap().iter();
    let id = |row: &Value| (row["id"].as_i64().unwrap(), row["stale"].as_bool().unwrap());
    sessions.map(id).collect()
}

async fn who_is_on_line_is_listed_with_the_forgotten_sessions_apart(kind: Kind) {
    let (app, order, code) = shop(kind).await;
    session(&app, 1, &code, "AA:BB:CC:00:00:01", 10, None).await;
    session(&app, 2, "OVER2222", "AA:02", 20, Some("User-Request")).await;
    session(&app, 3, "FORG2222", "AA:03", 3_600, Some("Silent")).await;
    session(&app, 4, "OLDS2222", "AA:04", 90_000, Some("Silent")).await;
    session(&app, 5, "BACK2222", "AA:05", 3_600, Some("Silent")).await;
    session(&app, 6, "BACK2222", "AA:05", 5, None).await;
    session(&app, 7, "NDSX2222", "AA:07", 60, Some("Silent")).await;
    let of_opennds = "UPDATE radacct SET acctsessionid = '' WHERE radacctid = 7";
    assert_eq!(app.database.execute(of_opennds).await, 1);
    let viewer = app.add_operator("vera", Role::Viewer).await;

    let seen = list(&app, "", TOKEN).await;

    assert_eq!(ids(&seen), [(6, false), (3, true), (1, false)]);
    let mut row = seen["sessions"][2].clone();
    let left = row["seconds_left"].take().as_i64().unwrap();
    assert!((86_300..=86_400).contains(&left), "{left}");
    for time in ["since", "last_heard_at"] {
        assert!(row[time].take().as_str().unwrap().ends_with('Z'));
    }
    let masked = format!("{}******", &code[..2]);
    let expected = json!({
        "id": 1, "order": order.id[..8], "voucher_code": masked, "router": "bar",
        "mac": "aabbcc000001", "since": null, "bytes": 1024, "seconds_left": null,
        "last_heard_at": null, "stale": false});
    assert_eq!(row, expected);
    let by_viewer = list(&app, "", &viewer).await;
    assert_eq!(by_viewer["sessions"][2]["mac"], "aabbcc******");
    // Page by page.
    let first = list(&app, "?limit=2", TOKEN).await;
    assert_eq!(ids(&first), [(6, false), (3, true)]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = list(&app, &format!("?limit=2&cursor={cursor}"), TOKEN).await;
    assert_eq!(ids(&second), [(1, false)]);
    assert_eq!(second["next_cursor"], Value::Null);
}

async fn a_session_is_found_by_code_device_router_and_order(kind: Kind) {
    let (app, order, code) = shop(kind).await;
    session(&app, 1, &code, "AA:BB:CC:00:00:01", 10, None).await;
    session(&app, 2, "SOME2222", "AA:BB:CC:00:00:02", 10, None).await;
    let small = code.to_lowercase();
    let order_ref = &order.id[..8];

    for (q, expected) in [
        (small.as_str(), vec![1]),
        ("aa-bb-cc-00-00-01", vec![1]),
        (order_ref, vec![1]),
        ("BAR", vec![2, 1]),
        ("aabbcc", vec![]),
        (&code[..4], vec![]),
    ] {
        let found = list(&app, &format!("?q={q}"), TOKEN).await;
        let found: Vec<_> = ids(&found).into_iter().map(|(id, _)| id).collect();
        assert_eq!(found, expected, "{q}");
    }
    let next = list(&app, "?q=bar&limit=1", TOKEN).await;
    assert_eq!(ids(&next), [(2, false)]);
    let cursor = next["next_cursor"].as_str().unwrap();
    let rest = list(&app, &format!("?q=bar&limit=1&cursor={cursor}"), TOKEN).await;
    assert_eq!(ids(&rest), [(1, false)]);
    assert_eq!(rest["next_cursor"], Value::Null);
}

async fn a_session_is_ended_on_request_and_asked_again(kind: Kind) {
    let (app, _, code) = shop(kind).await;
    session(&app, 1, &code, "AA:01", 10, None).await;
    session(&app, 2, &code, "AA:02", 10, Some("User-Request")).await;
    let end = async |id: &str| {
        let url = app.url(&format!("/api/v1/operator/sessions/{id}/disconnect"));
        let request = app.http.request(Method::POST, url).bearer_auth(TOKEN);
        Answer::of(request.send().await.unwrap()).await
    };
    let queued = "SELECT state FROM outbox_messages WHERE reason = 'operator'";

    assert_eq!(end("1").await.status, 202);

    assert_eq!(app.database.texts(queued).await.len(), 1);
    // Given up, or refused by the router: the operator may ask for it again.
    let dead = "UPDATE outbox_messages SET state = 'dead', attempts = 12";
    assert_eq!(app.database.execute(dead).await, 1);
    assert_eq!(end("1").await.status, 202);
    let alive = "SELECT COUNT(*) FROM outbox_messages WHERE state <> 'dead' AND attempts < 12";
    assert_eq!(app.database.count(alive).await, 1);
    // openNDS takes no Disconnect-Request, and its sessions have no id.
    session(&app, 4, &code, "AA:04", 10, None).await;
    let of_opennds = "UPDATE radacct SET acctsessionid = '' WHERE radacctid = 4";
    assert_eq!(app.database.execute(of_opennds).await, 1);
    for over in ["2", "3", "4", "x"] {
        end(over).await.assert_problem(404, "not_found");
    }
    let log =
        "SELECT subject FROM audit_events WHERE action = 'disconnect' AND order_id IS NOT NULL";
    let expected = ["session 1", "session 1"];
    assert_eq!(app.database.texts(log).await, expected);
}
