//! A sandbox's database in live mode: refused, or taken over without what its simulated payments gave away.

use std::process::Stdio;

use chrono::NaiveDate;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::acts::{held, refund, sold};
use crate::command_line::{code, text};
use crate::harness::process::{Process, malipo, run};
use crate::harness::{
    Answer, KEY, Kind, TOKEN, TestApp, TestDatabase, TestOrder, body_of, fresh_phone, http_client,
};
use crate::owner_link::{reissue, true_code};
use crate::pages::voucher::session;

on_both_databases! {
    live_mode_refuses_a_sandboxs_database,
    an_adopted_sandbox_gives_nothing_away_and_its_payments_are_no_income,
}

pub const LIVE: [(&str, &str); 5] = [
    ("MALIPO__SERVER__BIND", "127.0.0.1:0"),
    ("MALIPO__ZENOPAY__MODE", "live"),
    ("MALIPO__ZENOPAY__API_KEY", KEY),
    ("MALIPO__ZENOPAY__BASE_URL", "http://127.0.0.1:9"),
    ("MALIPO__SERVER__PUBLIC_URL", "https://hotspot.example"),
];

fn serve(database: &TestDatabase, arguments: &[&str], settings: &[(&str, &str)]) -> Process {
    let folder = TempDir::new().unwrap();
    let mut command = malipo(folder.path(), settings);
    command
        .arg("serve")
        .args(arguments)
        .stderr(Stdio::inherit());
    Process::serve_by(command, &database.url, settings)
}

async fn live_mode_refuses_a_sandboxs_database(kind: Kind) {
    let app = TestApp::start(kind).await;
    app.buy().await;
    let database = app.stop().await;
    let settings = [
        &LIVE[..],
        &[("MALIPO__DATABASE__URL", database.url.as_str())][..],
    ]
    .concat();

    let refused = run(&["serve"], &settings);
    let checked = run(&["check", "--quick"], &settings);
    let sandbox = run(&["serve", "--adopt-sandbox"], &settings[LIVE.len()..]);

    let printed = text(&refused.stderr);
    assert_eq!(code(&refused), Some(2), "{printed}");
    for part in ["`database.url`", "1 simulated payments", "--adopt-sandbox"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let printed = text(&checked.stdout);
    assert!(
        printed.contains("FAIL  database        is a sandbox's"),
        "{printed}"
    );
    assert_eq!(code(&sandbox), Some(2), "{}", text(&sandbox.stderr));
    let pending = "SELECT COUNT(*) FROM payments WHERE status = 'PENDING'";
    assert_eq!(database.count(pending).await, 1, "nothing was changed");
}

/// Has the simulated ZenoPay push an order again: it takes any order id from anybody.
async fn claim(app: &TestApp, real: &TestOrder) {
    let claim = json!({"order_id": real.id, "buyer_phone": "0799999999", "amount": 1});
    let request = app
        .http
        .post(app.url("/sandbox/api/payments/mobile_money_tanzania"));
    let request = request.header("x-api-key", KEY).json(&claim);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

/// An order whose push was refused, and which the public key of a sandbox has sold all the same.
async fn sold_although_refused(app: &TestApp) -> TestOrder {
    app.gateway_behaves(&json!({"push": "refuse"})).await;
    let phone = fresh_phone();
    let asked = json!({"packageId": "monthly", "phoneNumber": phone});
    assert_eq!(app.pay(&asked).await.status, 502);
    app.gateway_behaves(&json!({"push": "accept"})).await;
    let newest =
        |column: &str| format!("SELECT {column} FROM sandbox_payments ORDER BY id DESC LIMIT 1");
    let order = TestOrder {
        id: app.database.text(&newest("order_id")).await.unwrap(),
        webhook_url: app.database.text(&newest("webhook_url")).await.unwrap(),
        phone,
    };
    assert_eq!(app.deliver_word(&order, "COMPLETED").await.status, 200);
    order
}

/// Makes this a payment that ZenoPay itself has reported.
async fn reported_by_zenopay(app: &TestApp, order: &TestOrder) {
    let is_real = format!(
        "DELETE FROM sandbox_payments WHERE order_id = '{}'",
        order.id
    );
    assert_eq!(app.database.execute(&is_real).await, 1);
}

async fn an_adopted_sandbox_gives_nothing_away_and_its_payments_are_no_income(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (used, replaced, real) = (sold(&app).await, sold(&app).await, sold(&app).await);
    let old = true_code(&app, &replaced).await;
    reissue(&app, &replaced).await;
    for reference in ["one", "two"] {
        let charge =
            json!({"order_id": used.id, "payment_status": "COMPLETED", "reference": reference});
        app.deliver(charge.to_string()).await;
    }
    let paid_back = sold(&app).await;
    refund(&app, &paid_back).await;
    let short = held(&app).await;
    let open = app.buy().await;
    let simulated = [&used, &replaced, &paid_back, &short, &open];
    let used_code = true_code(&app, &used).await;
    session(&app, kind, &used_code, "AA-BB-CC-00-11-22").await;
    session(&app, kind, &old, "AA-BB-CC-00-11-23").await;
    let real_code = true_code(&app, &real).await;
    session(&app, kind, &real_code, "AA-BB-CC-00-11-24").await;
    reported_by_zenopay(&app, &real).await;
    let refused = sold_although_refused(&app).await;
    claim(&app, &real).await;
    let database = app.stop().await;

    let process = serve(&database, &["--adopt-sandbox"], &LIVE);

    let count = async |sql: &str| database.count(sql).await;
    assert_eq!(count("SELECT COUNT(*) FROM sandbox_payments").await, 0);
    for order in simulated.into_iter().chain([&refused]) {
        assert_cancelled(&database, &process, order).await;
    }
    assert_eq!(
        count("SELECT COUNT(DISTINCT username) FROM radcheck").await,
        1
    );
    assert_eq!(count("SELECT COUNT(*) FROM radusergroup").await, 1);
    let ended = async |code: &str| {
        let ended = format!("SELECT COUNT(*) FROM outbox_messages WHERE voucher_code = '{code}'");
        count(&ended).await
    };
    assert_eq!([ended(&used_code).await, ended(&old).await], [1, 1]);
    assert_eq!(ended(&real_code).await, 0);
    // Not by the job that ends the sessions of revoked vouchers later.
    let by_adoption = "SELECT voucher_code FROM outbox_messages WHERE reason = 'sandbox'";
    assert!(database.texts(by_adoption).await.contains(&used_code));
    let waiting = format!(
        "SELECT COUNT(*) FROM sms_messages WHERE state IN ('queued', 'failed') \
         AND payment_id <> (SELECT id FROM payments WHERE {})",
        database.is_order(&real.id)
    );
    assert_eq!(count(&waiting).await, 0);
    assert_eq!(
        count("SELECT COUNT(*) FROM audit_events WHERE action = 'adopt-sandbox'").await,
        1
    );
    assert_one_customer(&database, &real).await;
    assert_no_income_but(&process, 2_000).await;

    // It is a live database now.
    drop(process);
    let process = serve(&database, &[], &LIVE);
    let status = format!(
        "{}/api/v1/customer-portal/payment/status/{}",
        process.base, real.id
    );
    let status = Answer::of(http_client().get(status).send().await.unwrap())
        .await
        .json();
    assert_eq!(status["payment_status"], "COMPLETED");
    assert_eq!(status["voucher_code"], json!(real_code));
    assert_no_replay_sells(&database, &process).await;
}

/// What the sandbox has sent is no evidence of money, and neither is its replay.
async fn assert_no_replay_sells(database: &TestDatabase, process: &Process) {
    let vouchers = "SELECT COUNT(*) FROM vouchers";
    let before = database.count(vouchers).await;
    let adopted = match database.kind {
        Kind::Sqlite => "SELECT lower(hex(order_id)) FROM order_events WHERE kind = 'adopted'",
        Kind::Postgres => {
            "SELECT replace(CAST(order_id AS text), '-', '') FROM order_events WHERE kind = 'adopted'"
        }
    };
    let proven = format!(
        "SELECT CAST(id AS text) FROM webhook_deliveries WHERE proof IS NOT NULL \
         AND replace(order_id, '-', '') IN ({adopted}) ORDER BY id"
    );
    let deliveries = database.texts(&proven).await;
    assert!(deliveries.len() > 3, "{deliveries:?}");
    for delivery in deliveries {
        let path = format!("/api/v1/operator/webhooks/{delivery}/replay");
        let replay = http_client().post(format!("{}{path}", process.base));
        let replay = replay.bearer_auth(TOKEN).json(&json!({}));
        Answer::of(replay.send().await.unwrap())
            .await
            .assert_problem(409, "invalid_transition");
    }
    assert_eq!(database.count(vouchers).await, before);
}

/// Only the customer of the real payment has paid.
async fn assert_one_customer(database: &TestDatabase, real: &TestOrder) {
    let paid = "SELECT phone FROM customers WHERE orders_paid = 1";
    let customers = database.texts(paid).await;
    assert_eq!(customers, [format!("255{}", &real.phone[1..])]);
}

/// The order is no payment any more, its voucher opens nothing, and its webhook's address proves nothing.
async fn assert_cancelled(database: &TestDatabase, process: &Process, order: &TestOrder) {
    let is_order = database.is_order(&order.id);
    let payment = format!("FROM payments WHERE {is_order}");
    let cancelled = format!(
        "SELECT COUNT(*) {payment} AND status = 'CANCELLED' AND paid_amount IS NULL AND due_at IS NULL \
         AND confirmed_at IS NULL AND refunded_at IS NULL"
    );
    assert_eq!(database.count(&cancelled).await, 1, "{}", order.id);
    let valid = format!(
        "SELECT COUNT(*) FROM vouchers WHERE revoked_at IS NULL \
         AND COALESCE(payment_id, former_payment_id) = (SELECT id {payment})"
    );
    assert_eq!(database.count(&valid).await, 0, "{}", order.id);
    let invoices =
        format!("SELECT COUNT(*) FROM invoices WHERE payment_id = (SELECT id {payment})");
    assert_eq!(database.count(&invoices).await, 0, "{}", order.id);
    // The sandbox has shown this address, and its key is not that of ZenoPay.
    let url = order.webhook_url.split("/api/").nth(1).unwrap();
    let url = format!("{}/api/{url}", process.base);
    let webhook = http_client()
        .post(url)
        .body(body_of(&order.id, "COMPLETED"));
    assert_eq!(webhook.send().await.unwrap().status(), 401);
}

/// The reports have the money of the real payment and no other.
async fn assert_no_income_but(process: &Process, real: i64) {
    // Midnight may be between the sales and the report.
    let today = report(process, "").await;
    let date: NaiveDate = today["date"].as_str().unwrap().parse().unwrap();
    let yesterday = format!("?date={}", date.pred_opt().unwrap());
    let yesterday = report(process, &yesterday).await;
    for (list, total) in today["totals"].as_object().unwrap() {
        let both = [&total["amount"], &yesterday["totals"][list]["amount"]];
        let sum: i64 = both.iter().map(|amount| amount.as_i64().unwrap()).sum();
        match list.as_str() {
            "sales" => assert_eq!(sum, real, "{today}"),
            // ZenoPay may have been asked about the real payment meanwhile.
            "fulfilled_not_confirmed" => assert!([0, real].contains(&sum), "{today}"),
            _ => assert_eq!(sum, 0, "{list}: {today}"),
        }
    }
}

/// The report of a day; of today without a query.
async fn report(process: &Process, query: &str) -> Value {
    let url = format!("{}/api/v1/operator/reports/daily{query}", process.base);
    let request = http_client().get(url).bearer_auth(TOKEN);
    Answer::of(request.send().await.unwrap()).await.json()
}
