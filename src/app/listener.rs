//! The listener, last to start and first to close, and its certificate.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use rustls::ServerConfig as Tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::error::StartError;
use crate::config::{Config, ConfigError, ServerConfig};
use crate::http::{self, Api};
use crate::sandbox::Sandbox;

/// For messages that are being handled, and clients that wait for their answers; counted from the
/// end of `NOT_READY_FOR`.
pub(super) const DRAIN_WITHIN: Duration = Duration::from_secs(8);
/// No browser takes longer to send a request's head.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A phone with a bad connection needs a few round trips.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// Between two requests on a connection; longer than a guest's page pauses between two polls.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Reads the certificate and its key; `None` without one, for plain HTTP.
pub(super) fn read_tls(config: &ServerConfig) -> Result<Option<Tls>, StartError> {
    let (Some(cert), Some(key)) = (&config.tls_cert, &config.tls_key) else {
        return Ok(None);
    };
    // An error only means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable("server.tls_cert", cert, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| unusable("server.tls_key", key, &error))?;
    let tls = Tls::builder()
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| unusable("server.tls_cert", cert, &error))?;
    Ok(Some(tls))
}

fn unusable(key: &str, path: &Path, error: &dyn std::fmt::Display) -> StartError {
    ConfigError::of(key, format_args!("{}: {error}", path.display())).into()
}

/// The handle that stops the server, and its task.
pub(super) type Serving = (ServerHandle, JoinHandle<std::io::Result<()>>);

/// Starts to serve; `ended` is cancelled when the server ends for any reason.
pub(super) fn serve(
    (listener, tls): (TcpListener, Option<Tls>),
    api: Api,
    sandbox: Option<Sandbox>,
    config: &Config,
    ended: CancellationToken,
) -> std::io::Result<Serving> {
    let origins = api.allowed_origins.clone();
    let public = config.server.public_url.as_ref();
    let https = tls.is_some() || public.is_some_and(|url| url.scheme() == "https");
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(api.clone()))
            .wrap(from_fn(http::compress))
            .wrap(from_fn(http::refuse_when_stopping))
            .wrap(from_fn(http::refuse_cross_site))
            .wrap(from_fn(http::inspect))
            .wrap(http::cors(&origins))
            .wrap(http::headers(https))
            .configure(|routes| http::routes(routes, sandbox.clone()))
    })
    // Signals are handled by us: actix's own handling would end parked polls without an answer.
    .disable_signals()
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_WITHIN)
    .tls_handshake_timeout(HANDSHAKE_WITHIN)
    // A client that hangs up frees its seat at once; a webhook's work goes on.
    .h1_allow_half_closed(false)
    .shutdown_timeout(DRAIN_WITHIN.as_secs())
    .workers(std::thread::available_parallelism().map_or(2, usize::from));
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    let handle = server.handle();
    let serving = actix_web::rt::spawn(async move {
        let _ended = ended.drop_guard();
        server.await
    });
    Ok((handle, serving))
}
