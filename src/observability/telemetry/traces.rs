//! The path of a webhook as one trace: `webhook` → `actor` → `transaction` → `commit`, and
//! `notice`. What calls us may have begun it (W3C Trace Context).
//!
//! # Invariants
//! A span carries an order's id and what became of it, and nothing that the log may not carry
//! either.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Metadata, Span, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};

use super::collector::Collector;
use crate::config::{ConfigError, TelemetryConfig};

/// For what the collector has not got yet, when we stop; one that does not answer is not waited
/// for any longer.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

/// What is on its way to the collector, if there is one.
#[derive(Default)]
#[must_use = "what is not stopped loses its last seconds"]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends what is left and ends.
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

/// Whether this is a step of a trace: a span of ours.
pub(super) fn is_step(it: &Metadata<'_>) -> bool {
    it.is_span() && it.target().starts_with("malipo")
}

/// What hands spans to the collector, and what stops it.
pub(super) fn start(
    config: &TelemetryConfig,
) -> Result<(Option<impl Layer<Registry> + use<>>, Traces), ConfigError> {
    let Some(endpoint) = &config.otlp_endpoint else {
        return Ok((None, Traces::default()));
    };
    let failed = |error: &dyn std::fmt::Display| {
        ConfigError(format!(
            "configuration key `telemetry.otlp_endpoint`: {error}"
        ))
    };
    let collector = Collector::new(endpoint.scheme()).map_err(|error| failed(&error))?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(collector)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!(
            "{}/v1/traces",
            endpoint.as_str().trim_end_matches('/')
        ))
        .build()
        .map_err(|error| failed(&error))?;
    // What is full drops spans; a webhook never waits for its trace.
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler(config))
        .with_resource(resource())
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

/// The caller that began a trace has decided whether it is kept.
fn sampler(config: &TelemetryConfig) -> Sampler {
    let share = f64::from(config.sample_percent) / 100.0;
    Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)))
}

fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("malipo")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Makes `span` part of the trace that a `traceparent` header names, if it names one.
pub fn go_on(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent.filter(|_| !span.is_disabled()) else {
        return;
    };
    let header = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let parent = TraceContextPropagator::new().extract(&header);
    // Fails only for a span that is sent nowhere.
    let _ = span.set_parent(parent);
}
