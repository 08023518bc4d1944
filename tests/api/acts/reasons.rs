//! Only admins can read what an operator types as a reason.

use std::process::Stdio;

use malipo::config::DatabaseConfig;
use malipo::domain::people::{Operator, Role, Secret};
use malipo::store::Store;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::harness::process::{Process, run};
use crate::harness::{Answer, KEY, Kind, TOKEN, TestDatabase, fresh_phone, http_client};

on_both_databases! {
    only_admins_see_the_reason_that_an_operator_types,
}

/// Part of every reason in this test, and of nothing else.
const TYPED: &str = "Zuhura-0713998877";

/// A server as it is shipped, with its whole log captured.
struct Shop {
    database: TestDatabase,
    process: Process,
    http: reqwest::Client,
    log: NamedTempFile,
    viewer: String,
}

impl Shop {
    async fn open(kind: Kind) -> Self {
        let database = TestDatabase::create(kind).await;
        let log = NamedTempFile::new().unwrap();
        let settings = [("MALIPO__LOG__FILTER", "trace")];
        let into_log = Stdio::from(log.reopen().unwrap());
        let process = Process::serve_telling(&database.url, &settings, into_log);
        let viewer = viewer(&database).await;
        Self {
            database,
            process,
            http: http_client(),
            log,
            viewer,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.process.base)
    }

    /// Sends the request, which must succeed.
    async fn done(&self, request: RequestBuilder) -> Answer {
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert!(answer.status < 300, "{}: {}", answer.status, answer.text);
        answer
    }

    async fn act(&self, path: &str, payload: Value) -> Answer {
        let url = self.url(&format!("/api/v1/operator{path}"));
        self.done(self.http.post(url).bearer_auth(TOKEN).json(&payload))
            .await
    }

    async fn submit(&self, path: &str) -> Answer {
        let form = [("reason", TYPED), ("method", TYPED), ("reference", TYPED)];
        let request = self.http.post(self.url(path)).bearer_auth(TOKEN);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let body = serde_urlencoded::to_string(form).unwrap();
        self.done(request.body(body)).await
    }

    async fn buy(&self, phone: &str) -> String {
        let payload = json!({"packageId": "daily", "phoneNumber": phone});
        let url = self.url("/api/v1/customer-portal/payment");
        let bought = self.done(self.http.post(url).json(&payload)).await.json();
        bought["order_id"].as_str().unwrap().to_owned()
    }

    /// Creates an order for which this amount is paid.
    async fn paid(&self, amount: i64) -> String {
        let id = self.buy(&fresh_phone()).await;
        let webhook = json!({"order_id": id, "payment_status": "COMPLETED", "amount": amount});
        let url = self.url("/api/v1/customer-portal/webhook/zenopay");
        self.done(self.http.post(url).header("x-api-key", KEY).json(&webhook))
            .await;
        id
    }

    async fn code_of(&self, order_id: &str) -> String {
        let order = self.database.is_order(order_id);
        let payment = format!("SELECT id FROM payments WHERE {order}");
        let sql = format!("SELECT code FROM vouchers WHERE payment_id = ({payment})");
        self.database.text(&sql).await.unwrap()
    }

    async fn read(&self, path: &str, token: Option<&str>) -> String {
        let mut request = self.http.get(self.url(path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.text
    }
}

async fn viewer(database: &TestDatabase) -> String {
    let config = DatabaseConfig {
        url: Secret::new(database.url.as_str()),
        auto_migrate: false,
        group: None,
    };
    let store = Store::open_beside(&config).await.unwrap();
    let vera = |name: &str| Operator {
        name: name.to_owned(),
        role: Role::Viewer,
    };
    store.add_operator(vera("juma"), None).await.unwrap();
    let token = store.add_operator(vera("vera"), None).await.unwrap();
    store.close().await;
    token.unwrap().expose().to_owned()
}

/// One order for each route that takes a reason, after that action.
async fn acted_on(shop: &Shop) -> Vec<String> {
    let reason = || json!({"reason": TYPED, "method": TYPED, "reference": TYPED});
    let [mut release, mut refuse] = [reason(), reason()];
    release["decision"] = json!("complete");
    refuse["decision"] = json!("refuse");
    let orders = [
        shop.paid(500).await,
        shop.paid(500).await,
        shop.paid(2_000).await,
        shop.paid(2_000).await,
        shop.paid(500).await,
        shop.paid(500).await,
        shop.paid(2_000).await,
        shop.paid(2_000).await,
    ];
    shop.act(&format!("/orders/{}/release", orders[0]), release)
        .await;
    shop.act(&format!("/orders/{}/release", orders[1]), refuse)
        .await;
    shop.act(&format!("/orders/{}/refund", orders[2]), reason())
        .await;
    let code = shop.code_of(&orders[3]).await;
    shop.act(&format!("/vouchers/{code}/revoke"), reason())
        .await;
    for (order, act) in orders[4..]
        .iter()
        .zip(["release", "refuse", "refund", "revoke"])
    {
        shop.submit(&format!("/operator/orders/{order}/{act}"))
            .await;
    }
    for code in ["PRNTEDA2", "PRNTEDB2"] {
        shop.database
            .execute(&format!(
                "INSERT INTO vouchers (code, package_code, duration_minutes, validity, shared_devices, issued_at)
                 VALUES ('{code}', 'daily', 1440, 'first_login', 1, '2026-11-29T00:00:00+00:00')"
            ))
            .await;
    }
    shop.act("/vouchers/PRNTEDA2/revoke", reason()).await;
    let printed = "SELECT id FROM vouchers WHERE code = 'PRNTEDB2'";
    let printed = shop.database.count(printed).await;
    shop.submit(&format!("/operator/printed/{printed}/revoke"))
        .await;
    shop.submit("/operator/people/juma/disable").await;
    let payload = json!({"phone": fresh_phone(), "reason": TYPED});
    shop.act("/customers/erase", payload).await;
    orders.into()
}

/// Everything that a viewer can request.
async fn read_by_a_viewer(shop: &Shop, orders: &[String]) -> Vec<String> {
    let mut paths: Vec<String> = [
        "/api/v1/operator/orders",
        "/api/v1/operator/webhooks",
        "/api/v1/operator/actors",
        "/api/v1/operator/reports/daily",
        "/api/v1/operator/reports/daily?format=csv",
        "/operator",
        "/operator/orders",
        "/operator/audit",
        "/operator/report",
        "/operator/sales",
        "/operator/letters",
        "/operator/deliveries",
        "/operator/vouchers",
        "/operator/people",
        "/operator/packages",
        "/metrics",
    ]
    .map(str::to_owned)
    .into();
    for order in orders {
        paths.push(format!("/api/v1/operator/orders/{order}"));
        paths.push(format!("/api/v1/operator/orders?q={order}"));
        paths.push(format!("/api/v1/operator/actors/{order}"));
        paths.push(format!("/operator/orders/{order}"));
    }
    let codes = shop.database.texts("SELECT code FROM vouchers").await;
    paths.extend(
        codes
            .iter()
            .map(|it| format!("/api/v1/operator/vouchers/{it}")),
    );
    let ids = "SELECT CAST(id AS text) FROM vouchers WHERE payment_id IS NULL";
    let ids = shop.database.texts(ids).await;
    paths.extend(ids.iter().map(|it| format!("/operator/printed/{it}")));
    let mut read = Vec::new();
    for path in paths {
        read.push(shop.read(&path, Some(&shop.viewer)).await);
    }
    read
}

async fn only_admins_see_the_reason_that_an_operator_types(kind: Kind) {
    let mut shop = Shop::open(kind).await;
    let orders = acted_on(&shop).await;

    let mut read = read_by_a_viewer(&shop, &orders).await;
    // Exports contain no reason, for no role.
    let csv = "/api/v1/operator/reports/daily?format=csv";
    read.push(shop.read(csv, Some(TOKEN)).await);
    let settings = [("MALIPO__DATABASE__URL", shop.database.url.as_str())];
    for order in &orders {
        let status = format!("/api/v1/customer-portal/payment/status/{order}");
        for path in [
            &status,
            &format!("{status}/events"),
            &format!("/order/{order}"),
        ] {
            read.push(shop.read(path, None).await);
        }
        let shown = run(&["order", "show", order], &settings);
        assert_eq!(shown.status.code(), Some(0));
        read.push(String::from_utf8(shown.stdout).unwrap());
        let admin = format!("/api/v1/operator/orders/{order}");
        let admin = shop.read(&admin, Some(TOKEN)).await;
        assert!(admin.contains(TYPED), "an admin reads it: {admin}");
    }
    let revealed = run(&["order", "show", &orders[0], "--reveal"], &settings);
    assert!(String::from_utf8(revealed.stdout).unwrap().contains(TYPED));
    let audit = shop.read("/operator/audit", Some(TOKEN)).await;
    assert_eq!(
        audit.matches(&format!("{TYPED}; method")).count(),
        2,
        "refunds"
    );
    shop.process.signal("-TERM");
    assert_eq!(shop.process.wait(), Some(0));

    read.push(std::fs::read_to_string(shop.log.path()).unwrap());
    for text in read {
        let at = text.find(TYPED);
        let around = at.map(|at| text[..at].chars().rev().take(300).collect::<String>());
        let around = around.map(|it| it.chars().rev().collect::<String>());
        assert_eq!(around, None, "typed text follows");
    }
}
