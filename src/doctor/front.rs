//! What answers at the server's listener and at its public address: this very server, another one, or
//! none; and whether the proxies in between keep a waiting guest.

use std::net::SocketAddr;
use std::time::Duration;

use uuid::Uuid;

use super::call::{Reached, Target, resolve};
use crate::checkout::WEBHOOK_PATH;
use crate::config::{Config, is_loopback};
use crate::domain::health::Finding;
use crate::store::{SeenCall, Store};

/// For the way of the answer.
const SLACK: Duration = Duration::from_secs(10);

/// Why something that needs a running server is skipped.
pub(super) const NO_SERVER: &str = "no server runs here with this configuration";
/// Why something that needs the database is skipped.
pub(super) const NO_DATABASE: &str = "the database cannot be opened";
/// What to do when the doctor's own row cannot be written or read.
pub(super) const LOOK_AT_DATABASE: &str = "See the check of the database";
/// Why something that needs the public address is skipped.
pub(super) const NOT_SEEN: &str = "tried through server.public_url, if this server answers there";

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Full,
    /// Everything but the held polls, which take about a minute.
    Quick,
    /// What a server can try of itself: neither polls, nor its own listener and key.
    Server,
}

/// What was reached, and how.
pub(super) struct Front<'a> {
    pub config: &'a Config,
    pub store: Option<&'a Store>,
    /// Where the server listens.
    pub address: SocketAddr,
    /// `None` in the server itself.
    pub listener: Option<(Target, Reached)>,
    /// `None` without a public address of its own.
    public: Option<(Target, Reached)>,
}

impl<'a> Front<'a> {
    /// Calls the listener and the public address.
    pub async fn look(
        config: &'a Config,
        address: SocketAddr,
        store: Option<&'a Store>,
        scope: Scope,
    ) -> Self {
        let listener = match scope {
            Scope::Full | Scope::Quick => {
                Some(reach(store, Target::listener(config, address)).await)
            }
            Scope::Server => None,
        };
        let public = match Target::public(config) {
            Some(target) => Some(reach(store, target).await),
            None => None,
        };
        Self {
            config,
            store,
            address,
            listener,
            public,
        }
    }

    /// Whether a server with our database is known to run.
    fn runs(&self) -> bool {
        match &self.listener {
            Some((_, reached)) => matches!(reached, Reached::Ours(..)),
            None => true,
        }
    }

    /// The public address, if this very server answers there.
    pub fn seen(&self) -> Option<(&Target, &SeenCall)> {
        match &self.public {
            Some((target, Reached::Ours(seen, _))) => Some((target, seen)),
            _ => None,
        }
    }

    /// The listener, or a public address on this machine that is the listener's, if this very server
    /// answers there.
    pub fn own_listener(&self) -> Option<&Target> {
        let is_here =
            |(target, seen): &(&Target, &SeenCall)| is_loopback(&target.base) && !seen.is_forwarded;
        match &self.listener {
            Some((target, Reached::Ours(..))) => Some(target),
            _ => self.seen().filter(is_here).map(|(target, _)| target),
        }
    }

    /// Whether guests and ZenoPay reach this very server, and safely.
    pub async fn public_url(&self) -> Finding {
        const CHECK: &str = "public_url";
        let Some((target, reached)) = &self.public else {
            return Finding::skipped(CHECK, "server.public_url is not set");
        };
        let url = &target.base;
        let hint = "Compare server.public_url with the proxy's server_name and the address to which it passes requests";
        match reached {
            Reached::Ours(..) => Finding::ok(CHECK, format!("{url} is this server")),
            Reached::Untried => Finding::skipped(CHECK, NO_DATABASE),
            Reached::Failed(why) => Finding::failed(CHECK, why.as_str(), LOOK_AT_DATABASE),
            // A proxy without a server behind it.
            Reached::Other(500..) if !self.runs() => Finding::skipped(CHECK, NO_SERVER),
            Reached::Other(status @ 500..) => Finding::failed(
                CHECK,
                format!("the proxy at {url} does not reach this server (HTTP {status})"),
                hint,
            ),
            Reached::Other(status) => Finding::failed(
                CHECK,
                format!("another server answers at {url} (HTTP {status})"),
                hint,
            ),
            Reached::Silent(cause) if cause.contains("certificate") => {
                let detail = format!("no phone trusts {url}: {cause}");
                let hint = "Renew the certificate, or get one for this name; see the README on nginx and Caddy";
                Finding::failed(CHECK, detail, hint)
            }
            Reached::Silent(_) if !self.runs() => Finding::skipped(CHECK, NO_SERVER),
            Reached::Silent(cause) => match resolve(url).await {
                Err(why) => Finding::failed(CHECK, why, "Add the name to DNS"),
                Ok(_) => Finding::warning(
                    CHECK,
                    format!("{url} cannot be reached from here: {cause}"),
                    format!(
                        "Run outside, for example on a phone's network: curl -i {}",
                        target.url("/health/ready")
                    ),
                ),
            },
        }
    }
}

/// Calls a server, if the database can announce the call.
async fn reach(store: Option<&Store>, target: Target) -> (Target, Reached) {
    let reached = match store {
        Some(store) => target.call(store).await,
        None => Reached::Untried,
    };
    (target, reached)
}

/// Whether a webhook to the public address arrives. It has the form of an order's own URL, of no order,
/// and no secret.
pub(super) async fn webhook_path(front: &Front<'_>) -> Finding {
    const CHECK: &str = "webhook_path";
    let (Some((target, _)), Some(store)) = (front.seen(), front.store) else {
        return Finding::skipped(CHECK, NOT_SEEN);
    };
    let [order, token] = [Uuid::new_v4(), Uuid::new_v4()];
    let path = format!("{WEBHOOK_PATH}/{order}.{}", token.simple());
    let hint = "Have each proxy and firewall pass POST requests below this path to the server, from any address and without a password";
    match target.post_webhook(store, &path, None).await {
        Ok((_, true)) => Finding::ok(CHECK, "a webhook to server.public_url arrives"),
        Ok((answer, false)) => {
            let (url, status) = (target.url(WEBHOOK_PATH), answer.status);
            let detail =
                format!("a webhook to {url} does not arrive: a proxy answers HTTP {status}");
            Finding::failed(CHECK, detail, hint)
        }
        Err(why) => Finding::failed(CHECK, format!("a webhook fails: {why}"), hint),
    }
}

/// Holds a status poll and an order's page through the public address, at the same time.
pub(super) async fn poll(front: &Front<'_>) -> Finding {
    const CHECK: &str = "poll";
    let (Some((target, _)), Some(store)) = (front.seen(), front.store) else {
        return Finding::skipped(CHECK, NOT_SEEN);
    };
    let longest = u64::from(front.config.portal.wait_max_secs);
    let status = "/api/v1/customer-portal/payment/status";
    let (api, page) = tokio::join!(
        held(target, store, status, longest),
        // A page is held for nine tenths of the longest wait.
        held(target, store, "/order", longest * 9 / 10),
    );
    match api.and(page) {
        Ok(()) => Finding::ok(CHECK, format!("waiting guests are kept for {longest} s")),
        Err(why) => Finding::failed(
            CHECK,
            why,
            "Have each proxy wait longer than portal.wait_max_secs (nginx: proxy_read_timeout 75s, as in deploy/nginx)",
        ),
    }
}

/// Holds one poll, of an order whose id is known to no one but the doctor.
async fn held(target: &Target, store: &Store, path: &str, wait_secs: u64) -> Result<(), String> {
    let nonce = Uuid::new_v4().to_string();
    let announced = store.announce_call(&nonce).await;
    announced.map_err(|error| format!("the poll cannot be announced: {error}"))?;
    let mut url = target.url(&format!("{path}/{nonce}"));
    url.set_query(Some(&format!("since=1&wait={wait_secs}")));
    let hold = Duration::from_secs(wait_secs);
    let (took, answer) = target.get(url, hold + SLACK).await;
    // A row that stays expires.
    let _ = store.end_call(&nonce).await;
    let secs = took.as_secs();
    match answer {
        Ok(answer) if answer.status == 404 && took >= hold => Ok(()),
        Ok(answer) => Err(format!(
            "a poll of {path} ends after {secs} s instead of {wait_secs} s, with HTTP {}",
            answer.status
        )),
        Err(cause) => Err(format!("a poll of {path} is cut after {secs} s: {cause}")),
    }
}
