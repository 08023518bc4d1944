//! The way to the collector of traces: our own HTTP client, on a runtime of its own, because what
//! exports runs on a thread without one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::{Builder, Runtime};
use tracing::{info, warn};

use crate::http_client;

/// A collector stands beside us or close by.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Posts traces.
#[derive(Debug)]
pub(super) struct Collector {
    http: reqwest::Client,
    runtime: Option<Runtime>,
    is_away: AtomicBool,
}

impl Collector {
    pub fn new(scheme: &str) -> Result<Self, HttpError> {
        let http = http_client::builder(scheme).timeout(TIMEOUT).build()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self {
            http,
            runtime: Some(runtime),
            is_away: AtomicBool::new(false),
        })
    }

    /// Says once that the collector is away, and once that it is back.
    fn note(&self, is_away: bool) {
        if self.is_away.swap(is_away, Ordering::Relaxed) == is_away {
            return;
        }
        if is_away {
            warn!("the collector of traces does not answer; traces are dropped meanwhile");
        } else {
            info!("the collector of traces answers again");
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let runtime = self.runtime.as_ref().ok_or("the collector is closed")?;
        let (head, body) = request.into_parts();
        let call = self
            .http
            .request(head.method, head.uri.to_string())
            .headers(head.headers)
            .body(body);
        // Invariant: called on the exporter's own thread, on which no runtime is.
        let answered = runtime.block_on(async { call.send().await });
        self.note(answered.is_err());
        // What a collector says beside its status is nothing that we act on.
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = answered.map_err(reqwest::Error::without_url)?.status();
        Ok(answer)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // A runtime must not be dropped where async code runs.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
