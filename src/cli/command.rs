//! What commands share: their result, and the signal that stops them.

use std::error::Error;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::StartError;

/// The result of a command. The error is printed.
pub(super) type Done = Result<(), Box<dyn Error>>;

/// Registers SIGTERM and SIGINT at once; the future completes when one of them arrives.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, StartError> {
    let register = |kind| signal(kind).map_err(StartError::Threads);
    let mut interrupt = register(SignalKind::interrupt())?;
    let mut terminate = register(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
