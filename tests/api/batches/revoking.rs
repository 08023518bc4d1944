//! The unused cards of a batch are revoked together, and its used cards are not.

use serde_json::json;

use super::{BATCHES, batch, log_in, post, print, submit};
use crate::harness::freeradius::FreeRadius;
use crate::harness::{Kind, TOKEN, TestApp};

on_both_databases! {
    a_batch_is_revoked_but_for_its_used_cards,
    a_revoked_batch_is_refused_by_freeradius_and_a_used_card_is_not,
    a_batch_that_cannot_be_revoked_whole_is_not_revoked_at_all,
    two_admins_who_revoke_a_batch_at_once_revoke_each_card_once,
}

async fn states(app: &TestApp) -> Vec<String> {
    let batch = batch(app, TOKEN).await;
    let cards = batch["vouchers"].as_array().unwrap().iter();
    let states = cards.map(|card| card["state"].as_str().unwrap().to_owned());
    states.collect()
}

/// The users that FreeRADIUS knows, by each of the three tables.
async fn radius_users(app: &TestApp) -> [Vec<String>; 3] {
    let users = ["radcheck", "radreply", "radusergroup"].map(async |table| {
        let sql = format!("SELECT DISTINCT username FROM {table} ORDER BY username");
        app.database.texts(&sql).await
    });
    let [checks, replies, groups] = users;
    [checks.await, replies.await, groups.await]
}

async fn a_batch_is_revoked_but_for_its_used_cards(kind: Kind) {
    let app = TestApp::start(kind).await;
    let codes = print(&app, 4).await;
    post(&app, BATCHES, &json!({"package": "weekly", "count": 1})).await;
    let other = "SELECT code FROM vouchers WHERE batch_id = 2";
    let other = app.database.text(other).await.unwrap();
    log_in(&app, kind, &codes[1]).await;
    let lost = format!("/api/v1/operator/vouchers/{}/revoke", codes[2]);
    assert_eq!(post(&app, &lost, &json!({})).await.status, 200);

    let asked = app
        .get_as_operator("/operator/vouchers/1/revoke-unused")
        .await;
    for fact in [
        "Unused: will be revoked</dt><dd>2",
        "Used: stay valid</dt><dd>1",
        "Revoked before</dt><dd>1",
    ] {
        assert!(asked.text.contains(fact), "{fact}: {}", asked.text);
    }
    assert_eq!(states(&app).await, ["new", "active", "revoked", "new"]);
    let reason = [("reason", "the box was stolen")];
    let done = submit(&app, "/operator/vouchers/1/revoke-unused", &reason).await;
    assert!(
        done.text
            .contains("The unused cards of the batch are revoked."),
        "{}",
        done.text
    );
    assert!(
        !done.text.contains("class=\"voucher\""),
        "nothing is left to print"
    );

    assert_eq!(
        states(&app).await,
        ["revoked", "active", "revoked", "revoked"]
    );
    let mut left = vec![codes[1].clone(), other];
    left.sort();
    assert_eq!(radius_users(&app).await, [left.clone(), left.clone(), left]);
    let again = post(&app, &format!("{BATCHES}/1/revoke"), &json!({})).await;
    assert_eq!(
        again.json(),
        json!({"status": "success", "batch": 1, "revoked": 0, "revoked_before": 3, "used": 1, "changed": false})
    );
    let log = "SELECT operator || ' ' || subject || ' ' || detail FROM audit_events WHERE action = 'revoke_batch'";
    assert_eq!(
        app.database.texts(log).await,
        ["bootstrap batch 1 the box was stolen"]
    );
    for unknown in ["9", "x", "99999999999999999999"] {
        let answer = post(&app, &format!("{BATCHES}/{unknown}/revoke"), &json!({})).await;
        answer.assert_problem(404, "not_found");
    }
    let blank = post(
        &app,
        &format!("{BATCHES}/1/revoke"),
        &json!({"reason": " "}),
    )
    .await;
    blank.assert_problem(422, "invalid_request");
}

async fn a_revoked_batch_is_refused_by_freeradius_and_a_used_card_is_not(kind: Kind) {
    let app = TestApp::start(kind).await;
    let codes = print(&app, 2).await;
    let radius = FreeRadius::start(&app.database).await;
    radius
        .login(&codes[0], "AA:00:00:00:00:01")
        .await
        .assert_accepted();

    let done = post(
        &app,
        &format!("{BATCHES}/1/revoke"),
        &json!({"reason": "lost"}),
    )
    .await;

    assert_eq!(
        (&done.json()["revoked"], &done.json()["used"]),
        (&json!(1), &json!(1))
    );
    radius
        .login(&codes[1], "AA:00:00:00:00:01")
        .await
        .assert_rejected();
    radius
        .login(&codes[0], "AA:00:00:00:00:01")
        .await
        .assert_accepted();
}

async fn a_batch_that_cannot_be_revoked_whole_is_not_revoked_at_all(kind: Kind) {
    let app = TestApp::start(kind).await;
    let mut codes = print(&app, 2).await;
    codes.sort();
    // The last table that the revoking writes to, apart from the audit log, is missing.
    app.database
        .execute("ALTER TABLE radusergroup RENAME TO away")
        .await;

    let failed = post(&app, &format!("{BATCHES}/1/revoke"), &json!({})).await;

    assert_eq!(failed.status, 500, "{}", failed.text);
    app.database
        .execute("ALTER TABLE away RENAME TO radusergroup")
        .await;
    assert_eq!(states(&app).await, ["new", "new"]);
    assert_eq!(
        radius_users(&app).await,
        [codes.clone(), codes.clone(), codes]
    );
    let log = "SELECT COUNT(*) FROM audit_events WHERE action = 'revoke_batch'";
    assert_eq!(app.database.count(log).await, 0);
}

async fn two_admins_who_revoke_a_batch_at_once_revoke_each_card_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    print(&app, 60).await;
    let (path, body) = (format!("{BATCHES}/1/revoke"), json!({"reason": "stolen"}));

    let (one, other) = tokio::join!(post(&app, &path, &body), post(&app, &path, &body));

    let revoked = [&one, &other].map(|answer| answer.json()["revoked"].as_u64().unwrap());
    assert!([[60, 0], [0, 60]].contains(&revoked), "{revoked:?}");
    let log = "SELECT COUNT(*) FROM audit_events WHERE action = 'revoke_batch'";
    assert_eq!(app.database.count(log).await, 1);
}
