//! What the owner link shows and asks, and who can use it.

use malipo::config::Mode;
use malipo::domain::order::OrderId;
use malipo::domain::people::Secret;
use serde_json::json;

use super::{Kind, TestApp, TestOrder, newest_sms, owner_link, press, reissue, sold, true_code};
use crate::harness::{Answer, TOKEN};
use crate::pages::{page, submit};

on_both_databases! {
    the_link_shows_the_order_at_an_address_of_its_own,
    nothing_is_replaced_before_the_owner_confirms,
    the_owner_link_and_the_sms_show_the_new_code,
    an_sms_that_is_sent_again_has_the_current_code,
    a_link_of_the_first_edition_opens_the_order_and_replaces_nothing,
    an_unknown_link_looks_like_an_unknown_order,
    where_no_sms_is_sent_only_an_operator_replaces_a_code,
    an_operator_replaces_a_code_and_that_is_logged,
}

/// `POST …/reissue` as the bootstrap admin.
async fn reissue_as_admin(app: &TestApp, order: &TestOrder) -> Answer {
    let url = app.url(&format!("/api/v1/operator/orders/{}/reissue", order.id));
    let request = app.http.post(url).bearer_auth(TOKEN);
    let request = request.json(&json!({"reason": "came to the counter"}));
    Answer::of(request.send().await.unwrap()).await
}

async fn the_link_shows_the_order_at_an_address_of_its_own(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let link = owner_link(&app, &order).await;

    let shown = page(&app, &format!("{link}?lang=en")).await;

    assert_eq!(shown.status, 200, "{}", shown.text);
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    let code = true_code(&app, &order).await;
    for part in [&*code, &format!("{link}/reissue?lang=en")] {
        assert!(shown.text.contains(part), "{}", shown.text);
    }
    assert!(!shown.text.contains(&order.id), "{}", shown.text);
}

async fn nothing_is_replaced_before_the_owner_confirms(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let code = true_code(&app, &order).await;
    let path = format!("{}/reissue", owner_link(&app, &order).await);

    let asked = page(&app, &path).await;
    let empty = submit(&app, &path, &[]).await;
    let strange = submit(&app, &path, &[("seen", "now")]).await;

    assert_eq!(asked.status, 200, "{}", asked.text);
    for said in ["closed at once", "off-line", "by SMS", "three times a day"] {
        assert!(asked.text.contains(said), "{said}: {}", asked.text);
    }
    assert!(!asked.text.contains(&order.id), "{}", asked.text);
    for answer in [empty, strange] {
        let place = answer.header("location");
        assert_eq!((answer.status, place), (303, Some(&*path)));
    }
    assert_eq!(true_code(&app, &order).await, code);
}

async fn the_owner_link_and_the_sms_show_the_new_code(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let (link, old) = (
        owner_link(&app, &order).await,
        true_code(&app, &order).await,
    );
    let seen = app.status(&order).await["version"].as_i64().unwrap();

    let answer = press(&app, &order, seen).await;

    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(&*link))
    );
    let new = true_code(&app, &order).await;
    let sms = newest_sms(&app, &order).await;
    let shown = page(&app, &link).await;
    for text in [&sms, &shown.text] {
        assert!(text.contains(&new) && !text.contains(&old), "{text}");
    }
    assert_eq!(owner_link(&app, &order).await, link, "the same link");
    // Operators see the new code too.
    let path = format!("/api/v1/operator/orders/{}", order.id);
    let file = app.get_as_operator(&path).await.json();
    assert_eq!(file["order"]["voucher_code"], new.as_str(), "{file}");
}

async fn an_sms_that_is_sent_again_has_the_current_code(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let sent = "SELECT COUNT(*) FROM sms_messages WHERE state = 'sent'";
    app.database.wait_for_count(sent, 1).await;
    let old = true_code(&app, &order).await;
    let first = app.database.count("SELECT MIN(id) FROM sms_messages").await;
    let new = reissue(&app, &order).await;
    app.database.wait_for_count(sent, 2).await;
    let text = format!("SELECT body FROM sms_messages WHERE id = {first}");
    assert!(app.database.text(&text).await.unwrap().contains(&old));

    let url = app.url(&format!("/api/v1/operator/sms/{first}/resend"));
    let request = app.http.post(url).bearer_auth(TOKEN);
    assert_eq!(request.send().await.unwrap().status(), 200);

    let text = app.database.text(&text).await.unwrap();
    assert!(text.contains(&new) && !text.contains(&old), "{text}");
}

async fn a_link_of_the_first_edition_opens_the_order_and_replaces_nothing(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let code = true_code(&app, &order).await;
    let before_tokens = "UPDATE payments SET owner_token = NULL";
    assert_eq!(app.database.execute(before_tokens).await, 1);
    let order_id: OrderId = order.id.parse().unwrap();
    let link = format!("/v/{}", order_id.short());

    let shown = page(&app, &link).await;
    let asked = page(&app, &format!("{link}/reissue")).await;
    let pressed = submit(&app, &format!("{link}/reissue"), &[("seen", "2")]).await;

    assert_eq!(shown.status, 200, "{}", shown.text);
    assert!(shown.text.contains(&code), "{}", shown.text);
    assert!(!shown.text.contains("/reissue"), "{}", shown.text);
    assert_eq!((asked.status, pressed.status), (404, 404));
    assert_eq!(true_code(&app, &order).await, code);
}

async fn an_unknown_link_looks_like_an_unknown_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let unknown = "/order/00000000-0000-4000-8000-000000000000";
    let expected = page(&app, unknown).await;
    for path in [
        "/v/0123456789ABCDEFGHIJKL",
        "/v/x",
        "/v/0123456789ABCDEFGHIJKL/reissue",
    ] {
        let shown = page(&app, path).await;

        assert_eq!(shown.status, 404, "{path}");
        assert_eq!(
            shown.text.replace(path, "PATH"),
            expected.text.replace(unknown, "PATH")
        );
    }
}

async fn where_no_sms_is_sent_only_an_operator_replaces_a_code(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let code = true_code(&app, &order).await;
    let seen = app.status(&order).await["version"].as_i64().unwrap();
    let database = app.stop().await;
    // As if ZenoPay itself had made the payment: live mode refuses a sandbox's database.
    database.execute("DELETE FROM sandbox_payments").await;
    // By default messages are written to the log.
    let app = TestApp::start_on(database, |config| {
        config.zenopay.mode = Mode::Live;
        config.zenopay.api_key = Some(Secret::new("a-key-of-the-tests"));
        config.zenopay.base_url = "http://127.0.0.1:9".parse().unwrap();
    })
    .await;
    let link = owner_link(&app, &order).await;

    let shown = page(&app, &link).await;
    let asked = page(&app, &format!("{link}/reissue")).await;
    let pressed = press(&app, &order, seen).await;

    assert!(shown.text.contains(&code), "{}", shown.text);
    assert!(!shown.text.contains("/reissue"), "{}", shown.text);
    for answer in [asked, pressed] {
        assert_eq!(answer.status, 403, "{}", answer.text);
        assert!(answer.text.contains("Ask the staff"), "{}", answer.text);
    }
    assert_eq!(true_code(&app, &order).await, code);

    let done = reissue_as_admin(&app, &order).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let new = true_code(&app, &order).await;
    assert_ne!(new, code);
    let shown = page(&app, &link).await;
    assert!(shown.text.contains(&new), "{}", shown.text);
}

async fn an_operator_replaces_a_code_and_that_is_logged(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    for _ in 0..3 {
        reissue(&app, &order).await;
    }
    let (old, link) = (
        true_code(&app, &order).await,
        owner_link(&app, &order).await,
    );
    let before = app.status(&order).await;

    let done = reissue_as_admin(&app, &order).await;

    assert_eq!(done.status, 200, "{}", done.text);
    let document = done.json();
    let version = before["version"].as_i64().unwrap() + 1;
    assert_eq!(
        (&document["changed"], &document["version"]),
        (&json!(true), &json!(version))
    );
    let new = true_code(&app, &order).await;
    assert_ne!(new, old);
    assert!(!document.to_string().contains(&new), "{document}");
    let shown = page(&app, &link).await;
    assert!(shown.text.contains(&new), "{}", shown.text);
    assert_eq!(app.status(&order).await["voucher_code"], json!(null));
    let audited = "SELECT detail FROM audit_events WHERE action = 'reissue'";
    let audited = app.database.texts(audited).await;
    assert_eq!(audited, ["came to the counter"]);
    // Only admins see the reason: the timeline's remarks do not contain it.
    let remark = "SELECT COUNT(*) FROM order_events WHERE summary LIKE '%counter%'";
    assert_eq!(app.database.count(remark).await, 0);

    let unpaid = app.buy().await;
    let refused = reissue_as_admin(&app, &unpaid).await;
    refused.assert_problem(409, "invalid_transition");
    let acts = "SELECT COUNT(*) FROM audit_events WHERE action = 'reissue'";
    assert_eq!(app.database.count(acts).await, 1);
}
