//! What commands share: their result, and the signal that stops them.

use std::error::Error;
use std::io::{self, ErrorKind, Write};

use tokio::signal::unix::{SignalKind, signal};

use crate::app::StartError;

/// The result of a command. The error is printed.
pub(super) type Done = Result<(), Box<dyn Error>>;

/// Prints to standard output. A reader that has read enough, as `head`, is no fault.
///
/// # Errors
/// If the output cannot be written for another reason, as on a full disk.
pub(super) fn print(text: impl AsRef<str>) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text.as_ref().as_bytes());
    match written.and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

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
