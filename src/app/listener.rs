//! The listener, last to start and first to close, and its certificate.

use std::fmt::Debug;
use std::future::ready;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Request, Response};
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, web};
use rustls::ServerConfig as Tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::connections::{Capacity, ClientStream, Connection, Connections, attend};
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
/// After an answer that ends the connection.
const DISCONNECT_WITHIN: Duration = Duration::from_secs(1);
/// Between two requests on a connection; longer than a guest's page pauses between two polls.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Connections that wait to be accepted. The kernel drops those above, and a client tries again after one
/// second, then three and seven: too late for a webhook.
const BACKLOG: u32 = 4_096;

/// Binds the address; connections wait until the server is started.
pub(super) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // As the standard library does: a server that is started again needs no free port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Reads the certificate and its key; `None` without one, for plain HTTP.
pub(super) fn read_tls(config: &ServerConfig) -> Result<Option<Arc<Tls>>, StartError> {
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
    let mut tls = Tls::builder()
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| unusable("server.tls_cert", cert, &error))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(tls)))
}

fn unusable(key: &str, path: &Path, error: &dyn std::fmt::Display) -> StartError {
    ConfigError::of(key, format_args!("{}: {error}", path.display())).into()
}

/// The handle that stops the server, and its task.
pub(super) type Serving = (ServerHandle, JoinHandle<std::io::Result<()>>);

/// Starts to serve; `ended` is cancelled when the server ends for any reason.
pub(super) fn serve(
    (listener, tls): (TcpListener, Option<Arc<Tls>>),
    api: Api,
    sandbox: Option<Sandbox>,
    config: &Config,
    ended: CancellationToken,
) -> std::io::Result<Serving> {
    let origins = api.allowed_origins.clone();
    let public = config.server.public_url.as_ref();
    let is_on_site = config.portal.on_site;
    let https = tls.is_some() || public.is_some_and(|url| url.scheme() == "https");
    let app = move || {
        App::new()
            .app_data(web::Data::new(api.clone()))
            .wrap(from_fn(http::compress))
            .wrap(from_fn(http::refuse_when_stopping))
            .wrap(from_fn(http::refuse_cross_site))
            .wrap(from_fn(http::inspect))
            .wrap(http::cors(&origins))
            .wrap(http::headers(https))
            .wrap(from_fn(attend))
            .configure(|routes| http::probe_routes(routes, is_on_site))
            .configure(|routes| http::routes(routes, sandbox.clone()))
    };
    let (capacity, workers) = (
        Capacity::of_process(),
        std::thread::available_parallelism().map_or(2, usize::from),
    );
    let connections = Connections::new(capacity.connections, KEEP_ALIVE + HEAD_WITHIN);
    let swept = connections.clone();
    let server = Server::build()
        // Signals are handled by us: actix's own handling would end parked polls without an answer.
        .disable_signals()
        .shutdown_timeout(DRAIN_WITHIN.as_secs())
        .workers(workers)
        .max_concurrent_connections(capacity.accepted.div_ceil(workers));
    let stopping = server.graceful_shutdown_signal();
    let stopped = move || {
        let stopping = stopping.clone();
        async move { stopping.notified().await }
    };
    let accepted = move |tcp: TcpStream| {
        let peer = tcp.peer_addr().ok();
        (ClientStream::new(tcp, &connections), peer)
    };
    let server = match tls {
        None => server.listen("http", listener, move || {
            let accepted = accepted.clone();
            fn_service(move |tcp| ready(Ok::<_, DispatchError>(accepted(tcp)))).and_then(http1(
                app(),
                stopped.clone(),
                |stream: &ClientStream| &stream.connection,
            ))
        })?,
        Some(tls) => server.listen("https", listener, move || {
            let (accepted, acceptor) = (accepted.clone(), TlsAcceptor::from(tls.clone()));
            fn_service(move |tcp| {
                let ((stream, peer), acceptor) = (accepted(tcp), acceptor.clone());
                async move { Ok((handshake(acceptor, stream).await?, peer)) }
            })
            .and_then(http1(
                app(),
                stopped.clone(),
                |stream: &TlsStream<ClientStream>| &stream.get_ref().0.connection,
            ))
        })?,
    };
    let server = server.run();
    let handle = server.handle();
    let serving = actix_web::rt::spawn(async move {
        let _ended = ended.drop_guard();
        tokio::select! {
            ended = server => ended,
            never = swept.sweep() => match never {},
        }
    });
    Ok((handle, serving))
}

/// Not limited in number, as in actix-tls: there, clients that never finish theirs keep all others out.
async fn handshake(
    acceptor: TlsAcceptor,
    stream: ClientStream,
) -> Result<TlsStream<ClientStream>, DispatchError> {
    let shaken = timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await;
    let tls = shaken.map_err(|_| DispatchError::SlowRequestTimeout)?;
    tls.map_err(DispatchError::Io)
}

/// Serves HTTP/1.1 on the streams of a listener, as actix-web does on its own.
fn http1<T, I, S, B, F>(
    app: I,
    stopped: impl Fn() -> F + 'static,
    connection: fn(&T) -> &Arc<Connection>,
) -> impl ServiceFactory<
    (T, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Error = Error> + 'static,
    S::InitError: Debug,
    S::Response: Into<Response<B>> + 'static,
    B: MessageBody + 'static,
    F: Future<Output = ()> + 'static,
{
    let app = app.into_factory().map_err(|error| error.error_response());
    HttpService::build()
        .graceful_shutdown_signal(stopped)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_WITHIN)
        .client_disconnect_timeout(DISCONNECT_WITHIN)
        // A client that hangs up frees its seat at once; a webhook's work goes on.
        .h1_allow_half_closed(false)
        .on_connect_ext(move |stream: &T, data| {
            data.insert(connection(stream).clone());
        })
        .h1(map_config(app, |()| AppConfig::default()))
}
