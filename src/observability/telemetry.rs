//! Log lines, for people or for machines, and, where a collector is configured, the path of each
//! webhook as a trace: `webhook` → `actor` → `transaction` → `commit`, and `notice`. The sender of
//! the webhook may have begun the trace (W3C Trace Context).
//!
//! Spans are for the collector only and log lines for the log only, so that without a collector
//! `tracing` skips the spans at the cost of a load.
//!
//! # Invariants
//! A span contains an order's id and its outcome, and nothing else that the log must not contain.

use std::collections::HashMap;
use std::env;
use std::fmt::Display;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Metadata, Span, info, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{ConfigError, LogConfig, LogFormat, TelemetryConfig, is_loopback};
use crate::http_client::{self, below};

/// How long a stop waits until the collector has the last spans.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

/// A collector is on this machine or close to it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Variables of OpenTelemetry with headers for the collector, such as a key.
const HEADERS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
];

/// The spans that are not yet sent to the collector, if there is one.
#[derive(Default)]
#[must_use = "without a stop the last spans are lost"]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends the last spans and ends.
    pub async fn stop(self) {
        let Some(provider) = self.0 else { return };
        let flush = move || provider.shutdown_with_timeout(FLUSH_WITHIN);
        match tokio::task::spawn_blocking(flush).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the last traces did not reach the collector"),
            Err(panic) => warn!(%panic, "the last traces did not reach the collector"),
        }
    }
}

/// Starts logging to standard error, and tracing to the collector if there is one. A second call,
/// as in tests, changes nothing.
///
/// # Errors
/// If `log.filter` is not a filter, or the collector cannot be called.
pub fn start(log: &LogConfig, telemetry: &TelemetryConfig) -> Result<Traces, ConfigError> {
    let filter = EnvFilter::try_new(&log.filter)
        .map_err(|error| ConfigError::of("log.filter", error))?
        // Below this level its spans contain the database's URL with its password.
        .add_directive("sea_orm=info".parse().expect("a constant directive"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let filter = filter.and(filter_fn(|it| !is_step(it)));
    let lines = match log.format {
        LogFormat::Pretty => lines.with_target(false).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let (spans, traces) = start_traces(telemetry)?;

    // Fails only when a subscriber is already there.
    let _ = tracing_subscriber::registry()
        .with(spans)
        .with(lines)
        .try_init();
    Ok(traces)
}

/// Whether this is a step of a trace: a span of ours.
fn is_step(it: &Metadata<'_>) -> bool {
    it.is_span() && it.target().starts_with("malipo")
}

/// The layer that passes spans to the collector, and what stops it.
fn start_traces(
    config: &TelemetryConfig,
) -> Result<(Option<impl Layer<Registry> + use<>>, Traces), ConfigError> {
    let Some(endpoint) = &config.otlp_endpoint else {
        return Ok((None, Traces::default()));
    };
    let failed = |error: &dyn Display| ConfigError::of("telemetry.otlp_endpoint", error);
    let has_key = HEADERS.iter().any(|name| env::var_os(name).is_some());
    if has_key && endpoint.scheme() == "http" && !is_loopback(endpoint) {
        return Err(failed(
            &"must begin with https:// where OTEL_EXPORTER_OTLP_HEADERS has a key, unless it is a loopback address",
        ));
    }
    let collector = Collector::new(endpoint.scheme()).map_err(|error| failed(&error))?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(collector)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(below(endpoint, "/v1/traces"))
        .build()
        .map_err(|error| failed(&error))?;
    let share = f64::from(config.sample_percent) / 100.0;
    // A sender that began the trace decides whether it is kept.
    let sampler = Sampler::TraceIdRatioBased(share);
    let resource = Resource::builder_empty()
        .with_service_name("malipo")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    // A full queue drops spans; a webhook never waits for its trace.
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_resource(resource.build())
        .build();

    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("malipo"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(is_step));
    Ok((Some(layer), Traces(Some(provider))))
}

/// Makes `span` part of the trace that a `traceparent` header names, if it names one.
pub fn continue_trace(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent.filter(|_| !span.is_disabled()) else {
        return;
    };
    let header = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let parent = TraceContextPropagator::new().extract(&header);
    // Fails only for a span that is sent nowhere.
    let _ = span.set_parent(parent);
}

/// Posts traces by our own HTTP client, on the runtime that started it: the exporter's own thread
/// has none.
#[derive(Debug)]
struct Collector {
    http: reqwest::Client,
    runtime: Handle,
    is_away: AtomicBool,
}

impl Collector {
    fn new(scheme: &str) -> Result<Self, HttpError> {
        let http = http_client::builder(scheme).timeout(TIMEOUT).build()?;
        Ok(Self {
            http,
            runtime: Handle::current(),
            is_away: AtomicBool::new(false),
        })
    }

    /// Logs once that the collector is away, and once that it is back.
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
        let (head, body) = request.into_parts();
        let call = self
            .http
            .request(head.method, head.uri.to_string())
            .headers(head.headers)
            .body(body);
        let answered = self.runtime.spawn(async move { call.send().await });
        let answered = answered.await?;
        self.note(answered.is_err());
        // Only the collector's status matters.
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = answered.map_err(reqwest::Error::without_url)?.status();
        Ok(answer)
    }
}
