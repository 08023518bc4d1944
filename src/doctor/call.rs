//! HTTP calls of the doctor: what came back, after how long, or the cause of a failure.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;
use url::Url;
use uuid::Uuid;

use crate::config::{Config, Mode, is_loopback};
use crate::domain::people::Secret;
use crate::gateways::zenopay::client::KEY_HEADER;
use crate::http::DOCTOR_HEADER;
use crate::http_client::{self, Answer, below};
use crate::store::{SeenCall, Store};

/// Longer than a busy server takes for its readiness.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A resolver that is not there takes longer.
const RESOLVE_WITHIN: Duration = Duration::from_secs(5);
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The order id of the doctor's webhooks. It is no UUID, so no order can have it.
const NO_ORDER: &str = "malipo-check";

/// Where a call goes.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub base: Url,
    /// The address that the host's name stands for, whatever DNS says: with TLS the name must be the
    /// one in the certificate.
    at: Option<SocketAddr>,
}

/// Who answers at an address.
#[derive(Debug)]
pub(super) enum Reached {
    /// A server with our database.
    Ours(SeenCall, Answer),
    /// Another server, or a proxy in front of none.
    Other(u16),
    /// No server has answered, for this reason.
    Silent(String),
    /// It was not tried: the database, which another check is about, cannot be opened.
    Untried,
    /// It cannot be found out, for this reason.
    Failed(String),
}

impl Target {
    /// The public address; `None` if the server's own one is used.
    pub fn public(config: &Config) -> Option<Self> {
        let base = config.server.public_url.clone()?;
        Some(Self { base, at: None })
    }

    /// ZenoPay.
    pub fn gateway(config: &Config) -> Self {
        let base = config.zenopay.base_url.clone();
        Self { base, at: None }
    }

    /// The server's listener, by the loopback address.
    pub fn listener(config: &Config, address: SocketAddr) -> Self {
        let mut base = http_client::local_url(address);
        let public = config.server.public_url.as_ref();
        let is_tls = config.server.tls_cert.is_some() && config.zenopay.mode == Mode::Live;
        let name = public.and_then(|url| url.host_str()).filter(|_| is_tls);
        let at = name.and_then(|_| base.socket_addrs(|| None).ok()?.pop());
        if let Some(name) = name
            && let Ok(url) = Url::parse(&format!("https://{name}:{}", address.port()))
        {
            base = url;
        }
        Self { base, at }
    }

    /// The path below the base.
    pub fn url(&self, path: &str) -> Url {
        below(&self.base, path)
    }

    /// GET; how long it took, and the answer or the cause of a failure.
    pub async fn get(&self, url: Url, limit: Duration) -> (Duration, Result<Answer, String>) {
        let began = Instant::now();
        let answer = self.send(limit, |http| http.get(url)).await;
        (began.elapsed(), answer)
    }

    /// A webhook that reports no money and names no order, marked as the doctor's; `key` only to the
    /// loopback address. The answer, and whether a server with our database has received the webhook.
    pub async fn post_webhook(
        &self,
        store: &Store,
        path: &str,
        key: Option<&Secret>,
    ) -> Result<(Answer, bool), String> {
        let nonce = Uuid::new_v4().to_string();
        let announced = store.announce_call(&nonce).await;
        announced.map_err(|error| format!("the webhook cannot be announced: {error}"))?;
        let url = self.url(path);
        let posted = self.send(ANSWER_WITHIN, |http| {
            let body = json!({"order_id": NO_ORDER, "payment_status": "PENDING"});
            let post = http.post(url).header(DOCTOR_HEADER, &nonce).json(&body);
            key.into_iter()
                .fold(post, |post, key| post.header(KEY_HEADER, key.expose()))
        });
        let answer = posted.await;
        let ended = store.end_call(&nonce).await;
        let arrived = ended.map_err(|error| format!("the webhook cannot be read: {error}"))?;
        Ok((answer?, arrived.is_some()))
    }

    async fn send(
        &self,
        limit: Duration,
        request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
    ) -> Result<Answer, String> {
        let mut builder = http_client::builder(self.base.scheme()).timeout(limit);
        if let (Some(at), Some(name)) = (self.at, self.base.host_str()) {
            builder = builder.resolve(name, at);
        }
        let http = builder.build().map_err(|error| cause(&error))?;
        let response = request(&http).send().await.map_err(|error| cause(&error))?;
        let answer = http_client::answer(response, BODY_BYTES_MAX).await;
        Ok(answer)
    }

    /// Calls the readiness, by a name that only a server with our database recognises.
    pub async fn call(&self, store: &Store) -> Reached {
        let nonce = Uuid::new_v4().to_string();
        if let Err(error) = store.announce_call(&nonce).await {
            return Reached::Failed(format!("the call cannot be announced: {error}"));
        }
        let mut url = self.url("/health/ready");
        url.set_query(Some(&format!("nonce={nonce}")));
        let (_, answer) = self.get(url, ANSWER_WITHIN).await;
        match (store.end_call(&nonce).await, answer) {
            (Ok(Some(seen)), Ok(answer)) => Reached::Ours(seen, answer),
            (Ok(_), Ok(answer)) => Reached::Other(answer.status),
            (Ok(_), Err(cause)) => Reached::Silent(cause),
            (Err(error), _) => Reached::Failed(format!("the call cannot be read: {error}")),
        }
    }
}

/// The addresses of a URL's host.
pub(super) async fn resolve(url: &Url) -> Result<Vec<SocketAddr>, String> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let bare = host.trim_matches(['[', ']']);
    match timeout(RESOLVE_WITHIN, lookup_host((bare, port))).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(error)) => Err(format!("{host} does not resolve: {error}")),
        Err(_) => Err(format!("{host} does not resolve: no answer in time")),
    }
}

/// The address from which this machine reaches that one. Sends nothing.
pub(super) async fn own_address(towards: SocketAddr) -> Option<IpAddr> {
    let any = if towards.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(towards).await.ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// What a sender of plain HTTP may show to others: a key, or a guest's code.
pub(super) fn is_plain_and_remote(url: &Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

/// The innermost cause, as in "connection refused".
fn cause(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
