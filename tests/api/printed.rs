//! Printed vouchers: an operator finds them by what a guest reads out, and they count when they are
//! used.

use malipo::domain::people::Role;
use serde_json::{Value, json};

use crate::harness::{Answer, Kind, TOKEN, TestApp};

on_both_databases! {
    the_code_on_a_card_leads_to_the_voucher_and_its_batch,
    a_viewer_finds_a_card_and_reads_no_code,
    a_card_is_revoked_on_its_page,
    a_sold_voucher_is_shown_with_its_order,
    printed_vouchers_are_cash_sales_on_the_day_of_their_first_login,
}

/// Submits a form of the console and returns the page to which it leads.
async fn submit(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let request = app
        .http
        .post(app.url(path))
        .header("content-type", "application/x-www-form-urlencoded")
        .bearer_auth(TOKEN)
        .body(form);
    Answer::of(request.send().await.unwrap()).await
}

/// Prints a batch and returns its codes.
pub async fn print(app: &TestApp, package: &str, count: &str) -> Vec<String> {
    let fields = [("package", package), ("count", count), ("note", "kiosk")];
    let answer = submit(app, "/operator/vouchers", &fields).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let sql = format!("SELECT code FROM vouchers WHERE package_code = '{package}' ORDER BY id");
    app.database.texts(&sql).await
}

/// Inserts a session of this voucher, as FreeRADIUS writes it.
async fn log_in(app: &TestApp, kind: Kind, code: &str, at: &str) {
    let at: chrono::DateTime<chrono::Utc> = at.parse().unwrap();
    let time = match kind {
        Kind::Sqlite => at.timestamp().to_string(),
        Kind::Postgres => format!("'{}'", at.to_rfc3339()),
    };
    let session = uuid::Uuid::new_v4().simple().to_string();
    let sql = format!(
        "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
         VALUES ('{session}', '{session}', '{code}', '10.0.0.1', {time})"
    );
    assert_eq!(app.database.execute(&sql).await, 1);
}

async fn voucher(app: &TestApp, code: &str, token: &str) -> Value {
    let path = format!("/api/v1/operator/vouchers/{code}");
    let answer = app.get_with(&path, token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn the_code_on_a_card_leads_to_the_voucher_and_its_batch(kind: Kind) {
    let app = TestApp::start(kind).await;
    let codes = print(&app, "daily", "3").await;
    let typed = format!("{}-{}", &codes[1][..4].to_lowercase(), &codes[1][4..]);

    let new = voucher(&app, &typed, TOKEN).await;
    let search = format!("/operator/orders?q={typed}");
    let page = app.get_with(&search, TOKEN).await;

    assert_eq!(new["voucher_code"], codes[1]);
    assert_eq!(
        (&new["state"], &new["order_id"]),
        (&json!("new"), &json!(null))
    );
    assert_eq!(
        (&new["first_login_at"], &new["expires_at"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(new["seconds_remaining"], 86_400);
    assert_eq!(new["batch"]["count"], 3);
    assert_eq!(new["batch"]["price"], 2_000);
    assert_eq!(new["batch"]["note"], "kiosk");
    assert_eq!(page.status, 200, "{}", page.text);
    for shown in [
        "Printed voucher",
        codes[1].as_str(),
        "kiosk",
        "2,000 TZS",
        "not yet",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }

    let first = chrono::Utc::now() - chrono::TimeDelta::hours(1);
    log_in(&app, kind, &codes[1], &first.to_rfc3339()).await;
    let used = voucher(&app, &codes[1], TOKEN).await;
    assert_eq!(
        (&used["state"], &used["devices_online"]),
        (&json!("active"), &json!(1))
    );
    let left = used["seconds_remaining"].as_i64().unwrap();
    assert!((82_000..=82_800).contains(&left), "{left}");
    let looks =
        "SELECT COUNT(*) FROM audit_events WHERE action = 'reveal' AND subject LIKE 'voucher %'";
    assert_eq!(app.database.count(looks).await, 1);
    let codes_in_log = format!(
        "SELECT COUNT(*) FROM audit_events WHERE subject LIKE '%{0}%' OR detail LIKE '%{0}%'",
        codes[1]
    );
    assert_eq!(app.database.count(&codes_in_log).await, 0);
}

async fn a_viewer_finds_a_card_and_reads_no_code(kind: Kind) {
    let app = TestApp::start(kind).await;
    let codes = print(&app, "daily", "1").await;
    let viewer = app.add_operator("vera", Role::Viewer).await;

    let shown = voucher(&app, &codes[0], &viewer).await;
    let path = format!("/operator/orders?q={}", codes[0]);
    let page = app.get_with(&path, &viewer).await;

    assert_eq!(shown["masked"], true);
    assert!(!shown.to_string().contains(&codes[0]), "{shown}");
    assert!(page.text.contains("Printed voucher"), "{}", page.text);
    assert!(!page.text.contains(&codes[0]), "{}", page.text);
    for forbidden in ["Revoke the voucher", "The whole batch"] {
        assert!(!page.text.contains(forbidden), "{forbidden}");
    }
    let unknown = "/api/v1/operator/vouchers/AAAAAAAA";
    let unknown = app.get_with(unknown, &viewer).await;
    unknown.assert_problem(404, "voucher_not_found");
}

async fn a_card_is_revoked_on_its_page(kind: Kind) {
    let app = TestApp::start(kind).await;
    let codes = print(&app, "daily", "1").await;
    let id = voucher(&app, &codes[0], TOKEN).await["id"].to_string();
    let path = format!("/operator/printed/{id}/revoke");

    let asked = app.get_with(&path, TOKEN).await;
    assert!(asked.text.contains("What will happen"), "{}", asked.text);
    assert_eq!(voucher(&app, &codes[0], TOKEN).await["state"], "new");
    let page = submit(&app, &path, &[("reason", "lost")]).await;

    assert_eq!(page.status, 200, "{}", page.text);
    assert!(
        page.text.contains("The voucher is revoked."),
        "{}",
        page.text
    );
    assert_eq!(voucher(&app, &codes[0], TOKEN).await["state"], "revoked");
    let rows = format!(
        "SELECT COUNT(*) FROM radcheck WHERE username = '{}'",
        codes[0]
    );
    assert_eq!(app.database.count(&rows).await, 0);
    let log = "SELECT detail FROM audit_events WHERE action = 'revoke'";
    assert_eq!(app.database.texts(log).await, ["lost"]);
}

async fn a_sold_voucher_is_shown_with_its_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let code = app.wait_for(&order, "COMPLETED").await["voucher_code"].clone();
    let code = code.as_str().unwrap();

    let shown = voucher(&app, code, TOKEN).await;
    let page = app
        .get_with(&format!("/operator/printed/{}", shown["id"]), TOKEN)
        .await;

    assert_eq!(
        (&shown["order_id"], &shown["batch"]),
        (&json!(order.id), &json!(null))
    );
    assert_eq!(page.status, 200);
    assert!(page.text.contains(&order.id), "it leads to the order");
    let revoke = submit(
        &app,
        &format!("/operator/printed/{}/revoke", shown["id"]),
        &[],
    )
    .await;
    assert_eq!(
        revoke.status, 404,
        "an order's voucher is revoked by its order"
    );
}

async fn printed_vouchers_are_cash_sales_on_the_day_of_their_first_login(kind: Kind) {
    let app = TestApp::start(kind).await;
    let daily = print(&app, "daily", "5").await;
    let weekly = print(&app, "weekly", "2").await;
    let sold = app.buy().await;
    app.deliver_word(&sold, "COMPLETED").await;
    let code = app.wait_for(&sold, "COMPLETED").await["voucher_code"].clone();
    for (code, at) in [
        (&daily[0], "2026-03-07T20:59:59+00:00"), // The seventh, on the shop's clock.
        (&daily[0], "2026-03-08T09:00:00+00:00"), // Once more: it is sold already.
        (&daily[1], "2026-03-07T21:00:00+00:00"), // Midnight.
        (&daily[2], "2026-03-08T20:59:59+00:00"),
        (&daily[2], "2026-03-08T20:59:59+00:00"), // Two devices are one sale.
        (&daily[3], "2026-03-08T21:00:00+00:00"), // The ninth.
        (&weekly[0], "2026-03-08T12:00:00+00:00"),
    ] {
        log_in(&app, kind, code, at).await;
    }
    // A voucher that was sold with an order is not a cash sale.
    log_in(
        &app,
        kind,
        code.as_str().unwrap(),
        "2026-03-08T13:00:00+00:00",
    )
    .await;
    // A new price applies to new cards.
    submit(&app, "/operator/packages/daily/price", &[("price", "9000")]).await;

    let path = "/api/v1/operator/reports/daily?date=2026-03-08";
    let day = app.get_as_operator(path).await.json();
    let before = app
        .get_as_operator("/api/v1/operator/reports/daily?date=2026-03-07")
        .await
        .json();
    let sheet = app.get_as_operator(&format!("{path}&format=csv")).await;
    let page = app
        .get_as_operator("/operator/report?date=2026-03-08")
        .await;

    assert_eq!(
        day["cash_sales"],
        json!([
            {"package": "daily", "count": 2, "amount": 4_000},
            {"package": "weekly", "count": 1, "amount": 10_000},
        ])
    );
    assert_eq!(
        day["totals"]["cash_sales"],
        json!({"count": 3, "amount": 14_000})
    );
    assert_eq!(day["totals"]["sales"], json!({"count": 0, "amount": 0}));
    assert_eq!(
        before["totals"]["cash_sales"],
        json!({"count": 1, "amount": 2_000})
    );
    for line in [
        "cash_sales,,daily,2,4000,",
        "cash_sales,,weekly,1,10000,",
        "cash_sales_total,,,3,14000,",
        "sales_total,,,0,0,",
    ] {
        assert!(sheet.text.contains(line), "{line}: {}", sheet.text);
    }
    for shown in [
        "3 printed for 14,000 TZS",
        "Only the till knows when it was paid, and how much.",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
}
