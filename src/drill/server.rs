//! The server under drill, as anybody sees it from outside.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::Value;
use url::Url;

use super::{DrillError, Target};
use crate::domain::people::secret::Secret;
use crate::http_client;

/// Base of the portal's and ZenoPay's paths (contract, sections 3 and 4).
const PORTAL: &str = "/api/v1/customer-portal";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For everything but long polls.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Shorter than the patience of common servers for an idle connection.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
const USER_AGENT: &str = concat!("malipo-drill/", env!("CARGO_PKG_VERSION"));

/// Whether this status asks for another try: ours are too busy or away, or a proxy finds
/// no server behind it.
pub(super) fn asks_for_another_try(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// A way to the server. Clones share their connections.
#[derive(Clone)]
pub(super) struct Server {
    http: reqwest::Client,
    url: Url,
    token: Option<Secret>,
    scene: String,
}

/// How many sales a process has counted since its start.
pub(super) struct SalesCounted {
    instance: String,
    sales: u64,
}

impl Server {
    /// Prepares the way; opens no connection yet.
    pub fn of(target: &Target) -> Result<Self, DrillError> {
        Ok(Self {
            http: http_client::builder(target.url.scheme())
                .user_agent(USER_AGENT)
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(POOL_IDLE_TIMEOUT)
                .build()
                .map_err(|error| DrillError::Client(error.to_string()))?,
            url: target.url.clone(),
            token: target.token.clone(),
            scene: target.scene.clone(),
        })
    }

    /// Invariant: called before the first order. A live server's guests pay real money.
    pub async fn must_be_sandbox(&self) -> Result<(), DrillError> {
        let answer =
            self.get("/health/ready")
                .send()
                .await
                .map_err(|error| DrillError::Unreachable {
                    url: self.url.clone(),
                    why: innermost(&error),
                })?;
        let status = answer.status();
        let document: Value = answer.json().await.unwrap_or_default();
        match document["mode"].as_str() {
            Some("sandbox") if status.is_success() => Ok(()),
            Some(mode) if mode != "sandbox" => Err(DrillError::NotSandbox {
                scene: self.scene.clone(),
                mode: mode.chars().take(20).collect(),
            }),
            Some(_) | None => Err(DrillError::NotReady {
                url: self.url.clone(),
                why: format!("/health/ready answered {status}"),
            }),
        }
    }

    /// How many polls are parked, if the server tells.
    pub async fn waiters(&self) -> Option<u64> {
        let answer = self.get("/metrics").send().await.ok()?;
        let text = answer.error_for_status().ok()?.text().await.ok()?;
        text.lines()
            .find_map(|line| line.strip_prefix("malipo_status_waiters "))?
            .parse()
            .ok()
    }

    /// The server's own count of sales, if operators' pages are open to us.
    pub async fn sales_counted(&self) -> Option<SalesCounted> {
        self.token.as_ref()?;
        let answer = self.get("/api/v1/operator/actors").send().await.ok()?;
        let glance: Value = answer.error_for_status().ok()?.json().await.ok()?;
        Some(SalesCounted {
            instance: glance["instance"].as_str()?.to_owned(),
            sales: glance["webhooks"]["completed"].as_u64()?,
        })
    }

    /// A GET with the token, if there is one.
    fn get(&self, path: &str) -> RequestBuilder {
        let request = self.http.get(self.at(path)).timeout(ANSWER_WITHIN);
        match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }

    /// A GET as a guest's portal makes it, on a path below the portal's base.
    pub fn portal_get(&self, path: &str, within: Duration) -> RequestBuilder {
        let url = self.at(&format!("{PORTAL}{path}"));
        self.http.get(url).timeout(ANSWER_WITHIN + within)
    }

    /// A POST on a path below the portal's base.
    pub fn portal_post(&self, path: &str) -> RequestBuilder {
        let url = self.at(&format!("{PORTAL}{path}"));
        self.http.post(url).timeout(ANSWER_WITHIN)
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url.as_str().trim_end_matches('/'))
    }
}

/// What was sold between two counts of the same process. Others may have bought meanwhile,
/// so this is told and never judged.
pub(super) fn sales_between(
    before: Option<SalesCounted>,
    after: Option<SalesCounted>,
) -> Option<u64> {
    let (before, after) = (before?, after?);
    (before.instance == after.instance).then(|| after.sales.saturating_sub(before.sales))
}

/// What is at the bottom of an error: "Connection refused", and not that a request failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
