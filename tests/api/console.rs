//! The writes of the console, checked in the database: batches of printed vouchers and the price
//! list; and the filters of its lists. The pages themselves are tested in a browser, in
//! `tests/browser`.

use malipo::domain::people::Role;
use serde_json::json;

use crate::harness::{Answer, Kind, TOKEN, TestApp};

on_both_databases! {
    a_batch_is_in_the_database_with_all_its_radius_users,
    a_batch_that_cannot_be_written_whole_leaves_nothing,
    a_printed_voucher_is_revoked_with_its_radius_user,
    a_new_price_applies_to_new_orders_and_is_in_the_audit_log,
    a_package_is_added_once_with_its_radius_group,
    only_an_admins_form_changes_the_database,
    an_invalid_filter_is_an_error_and_not_the_whole_list,
    a_list_continues_on_the_next_page_with_the_same_filter,
}

/// Submits a form of the console as this operator and follows it; returns the final page.
async fn submit(app: &TestApp, token: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let request = app
        .http
        .post(app.url(path))
        .header("content-type", "application/x-www-form-urlencoded")
        .bearer_auth(token)
        .body(form);
    Answer::of(request.send().await.unwrap()).await
}

async fn print(app: &TestApp, count: &str) -> Answer {
    let fields = [("package", "daily"), ("count", count), ("note", "kiosk")];
    submit(app, TOKEN, "/operator/vouchers", &fields).await
}

const PRINTED: &str = "SELECT COUNT(*) FROM vouchers WHERE payment_id IS NULL";

async fn a_batch_is_in_the_database_with_all_its_radius_users(kind: Kind) {
    let app = TestApp::start(kind).await;

    let answer = print(&app, "240").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    for (sql, wanted) in [
        (PRINTED, 240),
        (
            "SELECT COUNT(DISTINCT code) FROM vouchers WHERE batch_id IS NOT NULL AND validity = 'first_login' AND expires_at IS NULL",
            240,
        ),
        (
            "SELECT COUNT(*) FROM voucher_batches WHERE count = 240 AND price = 2000 AND note = 'kiosk' AND operator = 'bootstrap'",
            1,
        ),
        (
            "SELECT COUNT(*) FROM radcheck JOIN vouchers ON code = username WHERE attribute = 'Cleartext-Password' AND value = code",
            240,
        ),
        (
            "SELECT COUNT(*) FROM radcheck WHERE attribute = 'Expire-After' AND value = '86400'",
            240,
        ),
        (
            "SELECT COUNT(*) FROM radreply WHERE attribute = 'Mikrotik-Rate-Limit' AND value = '2048k/5120k'",
            240,
        ),
        (
            "SELECT COUNT(*) FROM radusergroup WHERE groupname = 'daily'",
            240,
        ),
        (
            "SELECT COUNT(*) FROM audit_events WHERE action = 'print_vouchers' AND subject LIKE 'batch %' AND detail = '240 x daily'",
            1,
        ),
        ("SELECT COUNT(*) FROM invoices", 0),
    ] {
        assert_eq!(app.database.count(sql).await, wanted, "{sql}");
    }
    for too_many in ["0", "241", "-1", "many", ""] {
        assert_eq!(print(&app, too_many).await.status, 422, "{too_many}");
    }
    assert_eq!(app.database.count(PRINTED).await, 240);
}

async fn a_batch_that_cannot_be_written_whole_leaves_nothing(kind: Kind) {
    let app = TestApp::start(kind).await;
    // The last table that a batch writes to, apart from the audit log, is missing.
    let away = "ALTER TABLE radusergroup RENAME TO away";
    app.database.execute(away).await;

    assert_eq!(print(&app, "5").await.status, 500);

    for table in ["vouchers", "voucher_batches", "radcheck", "radreply"] {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(app.database.count(&sql).await, 0, "{table}");
    }
}

async fn a_printed_voucher_is_revoked_with_its_radius_user(kind: Kind) {
    let app = TestApp::start(kind).await;
    print(&app, "2").await;
    let codes = app.database.texts("SELECT code FROM vouchers").await;

    let path = format!("/api/v1/operator/vouchers/{}/revoke", codes[0]);
    let request = app.http.post(app.url(&path)).bearer_auth(TOKEN);
    let answer = Answer::of(request.json(&json!({})).send().await.unwrap()).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let left = "SELECT DISTINCT username FROM radcheck";
    assert_eq!(app.database.texts(left).await, codes[1..]);
}

async fn a_new_price_applies_to_new_orders_and_is_in_the_audit_log(kind: Kind) {
    let app = TestApp::start(kind).await;
    let before = app.buy().await;

    let fields = [("price", "2500")];
    submit(&app, TOKEN, "/operator/packages/daily/price", &fields).await;
    // Setting the same price again changes nothing.
    submit(&app, TOKEN, "/operator/packages/daily/price", &fields).await;
    let after = app.buy().await;

    assert_eq!(app.status(&before).await["amount"], 2_000);
    assert_eq!(app.status(&after).await["amount"], 2_500);
    let logged = "SELECT detail FROM audit_events WHERE action = 'change_price' AND subject = 'package daily'";
    assert_eq!(app.database.texts(logged).await, ["2,500 TZS"]);
    for wrong in ["", "-1", "1.5", "9999999999", "cheap"] {
        let fields = [("price", wrong)];
        let answer = submit(&app, TOKEN, "/operator/packages/daily/price", &fields).await;
        assert_eq!(answer.status, 422, "{wrong}");
    }
}

async fn a_package_is_added_once_with_its_radius_group(kind: Kind) {
    let app = TestApp::start(kind).await;
    let fields = [
        ("code", "hour"),
        ("name_sw", "Saa moja"),
        ("name_en", "One hour"),
        ("price", "500"),
        ("minutes", "60"),
        ("validity", "purchase"),
        ("down", "5120"),
        ("up", "2048"),
        ("data", ""),
        ("devices", "1"),
    ];

    let added = submit(&app, TOKEN, "/operator/packages", &fields).await;
    let again = submit(&app, TOKEN, "/operator/packages", &fields).await;

    assert_eq!((added.status, again.status), (200, 422));
    // The same attributes as in the groups of the seeded packages.
    let group = |code: &str| {
        format!(
            "SELECT attribute || op || value FROM radgroupreply WHERE groupname = '{code}' ORDER BY id"
        )
    };
    let daily = app.database.texts(&group("daily")).await;
    assert_eq!(app.database.texts(&group("hour")).await, daily);
    assert!(!daily.is_empty());
    let order = app.buy_package("hour").await;
    app.deliver_word(&order, "COMPLETED").await;
    app.wait_for(&order, "COMPLETED").await;
}

async fn only_an_admins_form_changes_the_database(kind: Kind) {
    let app = TestApp::start(kind).await;
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let forms: [(&str, &[(&str, &str)]); 3] = [
        (
            "/operator/vouchers",
            &[("package", "daily"), ("count", "3")],
        ),
        ("/operator/packages/daily/price", &[("price", "1")]),
        (
            "/operator/people",
            &[("name", "mallory"), ("role", "admin")],
        ),
    ];

    for (path, fields) in forms {
        assert_eq!(
            submit(&app, &viewer, path, fields).await.status,
            403,
            "{path}"
        );
        // A client without a token is redirected to the log-in page.
        let stranger = submit(&app, "no-token", path, fields).await;
        assert!(stranger.text.contains("Or a token"), "{path}");
    }

    let untouched = "SELECT COUNT(*) FROM audit_events";
    assert_eq!(app.database.count(untouched).await, 0);
    assert_eq!(app.database.count(PRINTED).await, 0);
    assert_eq!(
        app.database
            .count("SELECT COUNT(*) FROM packages WHERE price = 1")
            .await,
        0
    );
}

async fn an_invalid_filter_is_an_error_and_not_the_whole_list(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let too_long = format!("/operator/deliveries?order_id={}", "x".repeat(201));

    for (path, why) in [
        (
            "/operator/deliveries?outcome=unauthenticated",
            "Cannot search: outcome must be",
        ),
        (
            "/operator/deliveries?order_id=a%01b",
            "Cannot search: order_id is",
        ),
        (&too_long, "Cannot search: order_id is"),
        ("/operator/deliveries?cursor=1", "Cannot search: cursor is"),
        ("/operator/orders?status=PAID", "Cannot search: status is"),
        ("/operator/orders?q=a%01b", "Cannot search: "),
        ("/operator/orders?cursor=1", "Cannot search: cursor is"),
        ("/operator/audit?operator=%00", "Operator is"),
        ("/operator/audit?cursor=1", "Cursor is"),
    ] {
        let answer = app.get_as_operator(path).await;

        assert_eq!(answer.status, 422, "{path}");
        assert!(answer.text.contains(why), "{path}: {}", answer.text);
        assert!(!answer.text.contains("<table>"), "{path}");
        assert!(!answer.text.contains("<ul class=\"list\">"), "{path}");
    }
}

async fn a_list_continues_on_the_next_page_with_the_same_filter(kind: Kind) {
    let app = TestApp::start(kind).await;
    for _ in 0..26 {
        app.buy().await;
    }

    let first = app.get_as_operator("/operator/orders?status=PENDING").await;
    let next = first.text.split("rel=\"next\"").next().unwrap();
    let next = next.rsplit("href=\"").next().unwrap();
    let next = next.split('"').next().unwrap().replace("&#38;", "&");
    assert!(next.contains("status=PENDING"), "{next}");
    let second = app.get_as_operator(&next).await;

    let rows = |page: &Answer| page.text.matches("<li><a href=\"/operator/orders/").count();
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!((rows(&first), rows(&second)), (25, 1));
    assert!(!second.text.contains("rel=\"next\""));
}
