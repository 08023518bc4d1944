//! The listener, last to start and first to close.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use rustls::ServerConfig as Tls;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::http::{self, Api};
use crate::sandbox::Sandbox;

/// For the messages that are being handled, and the clients that wait for their answers; from the
/// last call on.
pub(super) const DRAIN_WITHIN: Duration = Duration::from_secs(8);
/// A head that takes longer than this is not sent by a browser.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A phone far from the mast needs a few round trips.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// Between two requests on a connection; longer than the pause of a long poll.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The handle that stops the server, its task, and the end of that.
pub(super) type Serving = (
    ServerHandle,
    JoinHandle<std::io::Result<()>>,
    oneshot::Receiver<()>,
);

/// Starts to serve; the receiver learns of the end of it, however it comes.
pub(super) fn serve(
    (listener, tls): (TcpListener, Option<Tls>),
    api: Api,
    sandbox: Option<Sandbox>,
    config: &Config,
) -> std::io::Result<Serving> {
    let origins: Arc<[String]> = config.portal.allowed_origins.clone().into();
    let public = config.server.public_url.as_ref();
    let https = tls.is_some() || public.is_some_and(|url| url.scheme() == "https");
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(api.clone()))
            .wrap(from_fn(http::refuse_when_stopping))
            .wrap(http::cors(&origins))
            .wrap(http::headers(https))
            .configure(|routes| http::routes(routes, sandbox.clone()))
    })
    // Ours answer every poll; the library's cut them off.
    .disable_signals()
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_WITHIN)
    .tls_handshake_timeout(HANDSHAKE_WITHIN)
    // A client that hangs up frees its seat at once; the webhook's work does not care.
    .h1_allow_half_closed(false)
    .shutdown_timeout(DRAIN_WITHIN.as_secs())
    .workers(std::thread::available_parallelism().map_or(2, usize::from));
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    let handle = server.handle();
    let (alive, ended) = oneshot::channel();
    let serving = actix_web::rt::spawn(async move {
        let _alive = alive;
        server.await
    });
    Ok((handle, serving, ended))
}
