//! What systemd is told (`Type=notify`, sd_notify(3)): that we serve, and that we stop.
//! Without systemd there is nobody to tell.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use tracing::warn;

/// The listener is up and the schema is up to date.
pub(super) fn serving() {
    tell("READY=1\nSTATUS=serving\n");
}

/// Nothing new is taken from here on.
pub(super) fn stopping() {
    tell("STOPPING=1\nSTATUS=answering what waits\n");
}

fn tell(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    // An @ stands for the zero byte of Linux's abstract names.
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(&socket),
    };
    let told = address
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = told {
        warn!(%error, "systemd cannot be told");
    }
}
