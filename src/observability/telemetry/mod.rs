//! What the process tells of itself: log lines, for people or for machines, and, where a collector
//! is configured, the path of each webhook as a trace.
//!
//! Spans are for the collector alone and log lines for the log alone: a span of ours never shows
//! in a line, and no line is part of a trace. So without a collector nothing is interested in
//! spans, and `tracing` skips them at the cost of a load.

use std::io::IsTerminal;

use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{ConfigError, LogConfig, LogFormat, TelemetryConfig};

mod collector;
mod traces;

pub use traces::{Traces, go_on};

/// Starts logging to standard error, and tracing to the collector if there is one; what is given
/// back is to be stopped at the end. A second call, as in tests, changes nothing.
///
/// # Errors
/// If `log.filter` is not a filter, or the collector cannot be called.
pub fn start(log: &LogConfig, telemetry: &TelemetryConfig) -> Result<Traces, ConfigError> {
    let filter = EnvFilter::try_new(&log.filter)
        .map_err(|error| ConfigError(format!("configuration key `log.filter`: {error}")))?
        // Below this level its spans carry the database's URL, password and all.
        .add_directive("sea_orm=info".parse().expect("a constant directive"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let filter = filter.and(filter_fn(|it| !traces::is_step(it)));
    let lines = match log.format {
        LogFormat::Pretty => lines.with_target(false).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let (spans, traces) = traces::start(telemetry)?;

    // Fails only when a subscriber is already there.
    let _ = tracing_subscriber::registry()
        .with(spans)
        .with(lines)
        .try_init();
    Ok(traces)
}
