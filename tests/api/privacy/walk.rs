//! Requests every route as a viewer and reads the whole log at `trace`: neither contains a phone, a
//! name, a voucher code, a typed reason, a complete order id or a secret.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::harness::process::{Process, run};
use crate::harness::{Answer, Kind, TOKEN, TestDatabase, http_client};

on_both_databases! {
    no_route_shows_a_viewer_anything_private_and_the_log_has_none,
}

#[test]
fn every_route_of_the_server_is_walked() {
    let walked: BTreeSet<String> = ROUTES
        .iter()
        .map(|(_, route, _)| (*route).to_owned())
        .collect();

    assert_eq!(walked, routes_in_source());
}

const PHONE: &str = "0754193826";
const NAME: &str = "Mwanaidi Kisanga";
/// The end of a device's address, as the router spells it and as it is read.
const DEVICE: [&str; 2] = ["0B-44-D9", "0b44d9"];
const REASON: &str = "marked-reason-of-an-operator";
const KEY: &str = "zk-4f1d2b8c6a";

/// Every route as in the source, and the path that a viewer requests for it. `{order}` is a `ref`,
/// because a viewer knows no order id.
#[rustfmt::skip] // A table is read by its columns.
pub const ROUTES: &[(&str, &str, &str)] = &[
    // The portal.
    ("GET", "/packages", "/api/v1/customer-portal/packages"),
    ("POST", "/payment", "/api/v1/customer-portal/payment"),
    ("POST", "/payment/resend", "/api/v1/customer-portal/payment/resend"),
    ("GET", "/payment/status/{order_id}", "/api/v1/customer-portal/payment/status/{order}"),
    ("GET", "/payment/status/{order_id}/events", "/api/v1/customer-portal/payment/status/{order}/events"),
    ("POST", "/webhook/zenopay", "/api/v1/customer-portal/webhook/zenopay"),
    ("POST", "/webhook/zenopay/{token}", "/api/v1/customer-portal/webhook/zenopay/{order}.x"),
    ("GET", "/voucher/{code}", "/api/v1/customer-portal/voucher/AAAABBBB"),
    ("GET", "/captive", "/api/v1/customer-portal/captive"),
    // The operators' API.
    ("POST", "/customers/erase", "/api/v1/operator/customers/erase"),
    ("GET", "/actors", "/api/v1/operator/actors"),
    ("GET", "/actors/{order_id}", "/api/v1/operator/actors/{order}"),
    ("GET", "/events", "/api/v1/operator/events"),
    ("GET", "/orders", "/api/v1/operator/orders?limit=200"),
    ("GET", "/orders/{order_id}", "/api/v1/operator/orders/{order}"),
    ("GET", "/webhooks", "/api/v1/operator/webhooks?limit=200"),
    ("GET", "/webhooks/{id}", "/api/v1/operator/webhooks/{delivery}"),
    ("POST", "/webhooks/{id}/replay", "/api/v1/operator/webhooks/{delivery}/replay"),
    ("POST", "/orders/{order_id}/reconcile", "/api/v1/operator/orders/{order}/reconcile"),
    ("POST", "/orders/{order_id}/release", "/api/v1/operator/orders/{order}/release"),
    ("POST", "/orders/{order_id}/reissue", "/api/v1/operator/orders/{order}/reissue"),
    ("GET", "/outbox/hold", "/api/v1/operator/outbox/hold"),
    ("POST", "/outbox/hold/release", "/api/v1/operator/outbox/hold/release"),
    ("POST", "/orders/{order_id}/refund", "/api/v1/operator/orders/{order}/refund"),
    ("POST", "/vouchers/batches", "/api/v1/operator/vouchers/batches"),
    ("GET", "/vouchers/batches/{id}", "/api/v1/operator/vouchers/batches/1"),
    ("POST", "/vouchers/batches/{id}/revoke", "/api/v1/operator/vouchers/batches/1/revoke"),
    ("GET", "/vouchers/{code}", "/api/v1/operator/vouchers/{code}"),
    ("POST", "/vouchers/{code}/revoke", "/api/v1/operator/vouchers/{code}/revoke"),
    ("POST", "/sms/{id}/resend", "/api/v1/operator/sms/1/resend"),
    ("GET", "/reports/daily", "/api/v1/operator/reports/daily"),
    ("GET", "/reports/daily", "/api/v1/operator/reports/daily?format=csv"),
    ("GET", "/nas", "/api/v1/operator/nas"),
    ("POST", "/nas", "/api/v1/operator/nas"),
    ("DELETE", "/nas/{id}", "/api/v1/operator/nas/1"),
    ("GET", "/routers", "/api/v1/operator/routers"),
    ("POST", "/routers", "/api/v1/operator/routers"),
    ("PATCH", "/routers/{name}", "/api/v1/operator/routers/bar"),
    ("DELETE", "/routers/{name}", "/api/v1/operator/routers/bar"),
    ("GET", "/sessions", "/api/v1/operator/sessions?q={code}"),
    ("POST", "/sessions/{id}/disconnect", "/api/v1/operator/sessions/1/disconnect"),
    // Health, metrics, documentation.
    ("GET", "/health/live", "/health/live"),
    ("GET", "/health/ready", "/health/ready"),
    ("GET", "/metrics", "/metrics"),
    ("GET", "/openapi.json", "/openapi.json"),
    ("GET", "/docs", "/docs"),
    ("GET", "/docs/{name:.*}", "/docs/index.html"),
    // Pages for guests.
    ("GET", "/", "/"),
    ("POST", "/buy", "/buy"),
    ("GET", "/buy", "/buy"),
    ("GET", "/order/{order_id}", "/order/{order}"),
    ("POST", "/order/{order_id}/again", "/order/{order}/again"),
    ("GET", "/order/{order_id}/again", "/order/{order}/again"),
    ("POST", "/order/{order_id}/let-go", "/order/{order}/let-go"),
    ("GET", "/order/{order_id}/let-go", "/order/{order}/let-go"),
    ("GET", "/paid", "/paid"),
    ("POST", "/paid", "/paid"),
    ("GET", "/state/{token}", "/state/{order}"),
    ("GET", "/connect", "/connect"),
    ("POST", "/connect", "/connect"),
    ("GET", "/voucher", "/voucher"),
    ("POST", "/voucher", "/voucher"),
    ("GET", "/router/login.html", "/router/login.html"),
    ("GET", "/router/api.json", "/router/api.json"),
    ("GET", "/v/{token}", "/v/{order}"),
    ("GET", "/v/{token}/reissue", "/v/{order}/reissue"),
    ("POST", "/v/{token}/reissue", "/v/{order}/reissue"),
    ("GET", "/assets/{name}", "/assets/style.css"),
    // The console.
    ("GET", "/login", "/operator/login"),
    ("POST", "/login", "/operator/login"),
    ("GET", "", "/operator"),
    ("POST", "/logout", "/operator/logout"),
    ("GET", "/words", "/operator/words"),
    ("GET", "/orders", "/operator/orders"),
    ("GET", "/orders", "/operator/orders?q={order}"),
    ("GET", "/orders/{order_id}", "/operator/orders/{order}"),
    ("GET", "/deliveries", "/operator/deliveries"),
    ("GET", "/deliveries/{id}", "/operator/deliveries/{delivery}"),
    ("GET", "/letters", "/operator/letters"),
    ("GET", "/report", "/operator/report"),
    ("GET", "/sales", "/operator/sales"),
    ("GET", "/audit", "/operator/audit"),
    ("GET", "/packages", "/operator/packages"),
    ("POST", "/packages", "/operator/packages"),
    ("GET", "/vouchers", "/operator/vouchers"),
    ("POST", "/vouchers", "/operator/vouchers"),
    ("GET", "/vouchers/{id}", "/operator/vouchers/1"),
    // The page shows what was searched for.
    ("GET", "/sessions", "/operator/sessions"),
    ("GET", "/routers", "/operator/routers"),
    ("POST", "/routers", "/operator/routers"),
    ("GET", "/routers/{name}", "/operator/routers/bar"),
    ("GET", "/access", "/operator/access"),
    ("POST", "/access", "/operator/access"),
    ("GET", "/people", "/operator/people"),
    ("GET", "/people/{name}", "/operator/people/vera"),
    ("POST", "/people/{name}", "/operator/people/vera"),
    ("POST", "/people", "/operator/people"),
    ("GET", "/printed/{id}", "/operator/printed/1"),
    ("GET", "/{kind}/{id}/{act}", "/operator/orders/{order}/refund"),
    ("POST", "/{kind}/{id}/{act}", "/operator/orders/{order}/refund"),
];

/// The paths in `.route("…")` and `web::resource("…")` in all of `src/http`.
fn routes_in_source() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http"),
        &mut found,
    );
    found
}

fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for opening in [".route(", "web::resource("] {
            for (at, _) in source.match_indices(opening) {
                let rest = source[at + opening.len()..].trim_start();
                if let Some(literal) = rest.strip_prefix('"') {
                    let (path, _) = literal.split_once('"').unwrap();
                    // The simulated ZenoPay stands for a guest's handset and does not exist in live
                    // mode.
                    if !path.starts_with("/sandbox") {
                        found.insert(path.to_owned());
                    }
                }
            }
        }
    }
}

struct Shop {
    process: Process,
    http: reqwest::Client,
    database: TestDatabase,
}

impl Shop {
    async fn post(&self, path: &str, body: &Value) -> Answer {
        let url = format!("{}{path}", self.process.base);
        let request = self
            .http
            .post(url)
            .bearer_auth(TOKEN)
            .header("x-api-key", KEY);
        Answer::of(request.json(body).send().await.unwrap()).await
    }

    async fn buy(&self) -> String {
        let payload = json!({"packageId": "daily", "phoneNumber": PHONE, "customerName": NAME});
        let url = format!("{}/api/v1/customer-portal/payment", self.process.base);
        let key = uuid::Uuid::new_v4().to_string();
        let request = self.http.post(url).header("idempotency-key", key);
        let bought = Answer::of(request.json(&payload).send().await.unwrap()).await;
        bought.json()["order_id"].as_str().unwrap().to_owned()
    }

    async fn deliver(&self, body: Value) {
        let answer = self
            .post("/api/v1/customer-portal/webhook/zenopay", &body)
            .await;
        assert!([200, 404].contains(&answer.status), "{}", answer.text);
    }

    async fn act(&self, order: &str, act: &str, body: Value) {
        let path = format!("/api/v1/operator/orders/{order}/{act}");
        let answer = self.post(&path, &body).await;
        assert_eq!(answer.status, 200, "{act}: {}", answer.text);
    }

    /// Orders in every state that has a typed reason. The first one is completely filled.
    async fn fill(&self) -> Vec<String> {
        let paid = |order: &str, amount: i64| {
            json!({"order_id": order, "payment_status": "COMPLETED", "amount": amount,
                "msisdn": PHONE, "buyer": NAME})
        };
        let mut orders = Vec::new();
        for _ in 0..5 {
            orders.push(self.buy().await);
        }
        for (order, amount) in orders.iter().zip([2_000, 2_000, 500, 500, 2_000]) {
            self.deliver(paid(order, amount)).await;
        }
        self.deliver(paid(&uuid::Uuid::new_v4().to_string(), 700))
            .await;
        self.act(
            &orders[1],
            "refund",
            json!({"reason": REASON, "method": REASON}),
        )
        .await;
        self.act(
            &orders[2],
            "release",
            json!({"reason": REASON, "decision": "complete"}),
        )
        .await;
        self.act(
            &orders[3],
            "release",
            json!({"reason": REASON, "decision": "refuse"}),
        )
        .await;
        let code = self.code_of(&orders[0]).await;
        self.type_code(&code).await;
        let now = match self.database.kind {
            Kind::Sqlite => "CAST(strftime('%s', 'now') AS integer)",
            Kind::Postgres => "now()",
        };
        let online = format!(
            "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, \
             acctupdatetime, callingstationid, calledstationid, acctterminatecause) \
             VALUES ('s1', 'u1', '{code}', '10.0.0.1', {now}, {now}, '5E-C1-7A-{}', '', '')",
            DEVICE[0]
        );
        assert_eq!(self.database.execute(&online).await, 1);
        let revoked = self.code_of(&orders[4]).await;
        let revoke = format!("/api/v1/operator/vouchers/{revoked}/revoke");
        assert_eq!(
            self.post(&revoke, &json!({"reason": REASON})).await.status,
            200
        );
        orders
    }

    /// A guest types a voucher, and returns from the router with its cookie.
    async fn type_code(&self, code: &str) {
        let form = self.http.post(format!("{}/voucher", self.process.base));
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        let typed = Answer::of(form.body(format!("code={code}")).send().await.unwrap()).await;
        assert!(typed.text.contains(code), "{}", typed.text);
        let url = format!(
            "{}/?link-login-only=http://wifi.test/login&error=RADIUS+timeout",
            self.process.base
        );
        let back = self
            .http
            .get(url)
            .header("cookie", typed.header("set-cookie").unwrap());
        let back = Answer::of(back.send().await.unwrap()).await;
        assert_eq!(back.status, 200);
        assert!(
            back.text.contains(code),
            "it is the voucher's page: {}",
            back.text
        );
    }

    async fn code_of(&self, order: &str) -> String {
        let order = self.database.is_order(order);
        let sql = format!(
            "SELECT code FROM vouchers WHERE payment_id = (SELECT id FROM payments WHERE {order})"
        );
        self.database.text(&sql).await.unwrap()
    }
}

async fn no_route_shows_a_viewer_anything_private_and_the_log_has_none(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let log = NamedTempFile::new().unwrap();
    let settings = [
        ("MALIPO__LOG__FILTER", "trace"),
        ("MALIPO__LOG__FORMAT", "json"),
        ("MALIPO__ZENOPAY__API_KEY", KEY),
        ("MALIPO__LIMITS__PROMPTS_PER_PHONE", "1000"),
        ("MALIPO__LIMITS__UNPAID_PER_PHONE_DAY", "1000"),
        ("MALIPO__PORTAL__RESUME_SECS", "1"),
        ("MALIPO__PORTAL__LOGIN_HOSTS", "wifi.test"),
    ];
    let own = [("MALIPO__DATABASE__URL", database.url.as_str())];
    let added = run(&["operator", "add", "vera", "--role", "viewer"], &own);
    let viewer = String::from_utf8(added.stdout).unwrap().trim().to_owned();
    let output = Stdio::from(log.reopen().unwrap());
    let process = Process::serve_telling(&database.url, &settings, output);
    let mut shop = Shop {
        process,
        http: http_client(),
        database,
    };

    let orders = shop.fill().await;
    let mut private = vec![
        PHONE[1..].to_owned(),
        NAME.to_owned(),
        REASON.to_owned(),
        KEY.to_owned(),
    ];
    private.extend(DEVICE.map(str::to_owned));
    private.extend(orders.iter().cloned());
    let codes = shop.database.texts("SELECT code FROM vouchers").await;
    private.extend(codes.iter().cloned());
    for secrets in ["webhook_secret", "owner_token"] {
        let secrets = format!("SELECT {secrets} FROM payments");
        private.extend(shop.database.texts(&secrets).await);
    }
    let texts = walk(&shop, &viewer, &orders, &codes[0]).await;
    for (path, text) in &texts {
        for marker in &private {
            assert!(!text.contains(marker), "{path} shows {marker}: {text}");
        }
    }

    shop.process.signal("-TERM");
    assert_eq!(shop.process.wait(), Some(0));
    let log = fs::read_to_string(log.path()).unwrap();
    assert!(log.contains("webhook processed"), "{log}");
    for line in log
        .lines()
        .filter(|line| !line.contains("\"message\":\"sms\""))
    {
        for marker in private.iter().chain([&viewer, &TOKEN.to_owned()]) {
            assert!(!line.contains(marker.as_str()), "{marker} in {line}");
        }
    }
}

/// What the viewer sees on each route, for each of these orders.
async fn walk(shop: &Shop, viewer: &str, orders: &[String], code: &str) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    for (method, _, template) in ROUTES {
        let about: &[String] = if template.contains("{order}") {
            orders
        } else {
            &orders[..1]
        };
        for order in about {
            let delivery = "SELECT MIN(id) FROM webhook_deliveries";
            let path = template
                .replace("{order}", &order[..8])
                .replace("{code}", code)
                .replace(
                    "{delivery}",
                    &shop.database.count(delivery).await.to_string(),
                );
            let method: Method = method.parse().unwrap();
            let url = format!("{}{path}", shop.process.base);
            let mut request = shop.http.request(method.clone(), url).bearer_auth(viewer);
            if method == Method::POST {
                request = request.json(&json!({}));
            }
            let mut response = request.send().await.unwrap();
            assert!(response.status() != 500, "{path}");
            let streams = response
                .headers()
                .get("content-type")
                .is_some_and(|it| it == "text/event-stream");
            let text = if streams {
                let chunk = response.chunk().await.unwrap().unwrap_or_default();
                String::from_utf8_lossy(&chunk).into_owned()
            } else {
                response.text().await.unwrap()
            };
            seen.push((format!("{method} {path}"), text));
        }
    }
    seen
}
