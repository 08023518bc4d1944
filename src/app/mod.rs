//! Who is given what, in the order of starting and of stopping.
//!
//! Start: books, actors, loops, listener last. Stop: not ready, answer every poll, take
//! nothing new, drain the actors, finish the loops, close the books; one deadline over all.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Arbiter;
use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App as WebApp, HttpServer, web};
use chrono::TimeDelta;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use url::Url;

use crate::actors::asks::Asks;
use crate::actors::facts::FactSource;
use crate::actors::status::StatusBoard;
use crate::actors::{Belief, Orders, Tools};
use crate::checkout::{Checkout, Parts};
use crate::config::{Config, ConfigError, Mode};
use crate::domain::admission::Limits;
use crate::domain::secret::Secret;
use crate::http::{self, Api};
use crate::metrics::Metrics;
use crate::reconciler::Reconciler;
use crate::relay::Relay;
use crate::sandbox::{Sandbox, SandboxError};
use crate::sms::Carrier;
use crate::store::{Overview, Store, StoreError};
use crate::zenopay::client::{Client, ClientError};
use crate::zenopay::proof::Keys;

mod open_files;
mod overview;

/// Arbiters on which order actors live.
const ORDER_ARBITERS: usize = 2;
/// Threads for what no client may cancel: intake, pushes, asks, loops.
const BACKGROUND_THREADS: usize = 2;
/// Over all of stopping.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// Between "not ready" and the closed door: who comes back at once, as a portal does whose
/// poll was just answered, is told to come again.
const LAST_CALL: Duration = Duration::from_millis(500);
/// For the messages that are being handled.
const DRAIN_WITHIN: Duration = Duration::from_secs(8);
/// A head that takes longer than this is not sent by a browser.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Between two requests on a connection; longer than the pause of a long poll.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something is set that cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The books cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The schema cannot be brought up to date.
    #[error("the database cannot be migrated: {0}")]
    Migration(String),
    /// The port is taken, for one.
    #[error("server.bind: {0}")]
    Bind(std::io::Error),
    /// ZenoPay cannot be called with this configuration.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The simulated ZenoPay cannot be had.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Threads cannot be had.
    #[error("the machine gives no threads: {0}")]
    Threads(std::io::Error),
}

/// A running server.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    /// The books, for who looks from inside the process.
    pub store: Store,
    /// The orders in play.
    pub orders: Orders,
    /// To be driven by hand in tests.
    pub reconciler: Reconciler,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    draining: CancellationToken,
    stop_loops: CancellationToken,
    loops: Vec<JoinHandle<()>>,
    arbiters: Vec<Arbiter>,
    background: Option<Runtime>,
}

impl App {
    /// Starts everything. Must be called inside an actix system.
    ///
    /// # Errors
    /// The [`StartError`]; nothing is left running.
    pub async fn start(config: Config, operator_token: Option<Secret>) -> Result<Self, StartError> {
        let listener = TcpListener::bind(config.server.bind).map_err(StartError::Bind)?;
        let address = listener.local_addr().map_err(StartError::Bind)?;
        let here = local_url(address);
        let public_url = config
            .server
            .public_url
            .clone()
            .unwrap_or_else(|| here.clone());
        let background = Builder::new_multi_thread()
            .worker_threads(BACKGROUND_THREADS)
            .thread_name("malipo-background")
            .enable_all()
            .build()
            .map_err(StartError::Threads)?;
        let on_background = background.handle().clone();

        let store = Store::open(&config.database).await?;
        if config.database.auto_migrate {
            migrate(&config).await?;
        }

        let metrics = Metrics::new();
        let draining = CancellationToken::new();
        let arbiters: Vec<Arbiter> = (0..=ORDER_ARBITERS).map(|_| Arbiter::new()).collect();
        let (for_status, for_orders) = arbiters.split_at(1);
        let waiters_max = config
            .portal
            .waiters_max
            .unwrap_or_else(open_files::default_waiters);
        let status = StatusBoard::start(
            &for_status[0],
            waiters_max,
            draining.clone(),
            metrics.clone(),
        );
        let client = client(&config, &here)?;
        let asks = Asks::new(client.clone(), store.clone(), on_background.clone());
        let tools = Tools {
            store: store.clone(),
            facts: FactSource {
                timezone: config.server.timezone,
                brand: config.portal.brand.clone(),
            },
            status: status.clone(),
            metrics: metrics.clone(),
        };
        let belief = Belief {
            keys: Keys {
                current: config.zenopay.key(),
                previous: config.zenopay.previous_api_key.clone(),
            },
            confirm: config.zenopay.confirm,
        };
        let orders = Orders::start(
            tools,
            config.actors.clone(),
            for_orders,
            asks,
            belief,
            on_background.clone(),
        );
        let checkout = Checkout::new(Parts {
            store: store.clone(),
            orders: orders.clone(),
            client,
            limits: limits(&config),
            expire_after: TimeDelta::seconds(i64::from(config.orders.expire_after_secs)),
            public_url,
            background: on_background.clone(),
        });

        let reconciler = Reconciler::new(
            store.clone(),
            orders.clone(),
            config.zenopay.asks_per_sec,
            metrics.clone(),
        );
        let relay = Relay::new(
            store.clone(),
            Carrier::new(config.sms.provider),
            metrics.clone(),
        );
        let sandbox = match config.zenopay.mode {
            Mode::Sandbox => Some(Sandbox::new(
                store.clone(),
                config.sandbox.clone(),
                config.zenopay.key(),
            )?),
            Mode::Live => None,
        };
        let (overview_sender, overview) = watch::channel(Overview::default());
        let stop_loops = CancellationToken::new();
        let mut loops = vec![
            on_background.spawn(reconciler.clone().run(stop_loops.clone())),
            on_background.spawn(relay.run(stop_loops.clone())),
            on_background.spawn(orders.clone().passivate(stop_loops.clone())),
            on_background.spawn(overview::refresh(
                store.clone(),
                metrics.clone(),
                overview_sender,
                stop_loops.clone(),
            )),
        ];
        if let Some(sandbox) = sandbox.clone() {
            loops.push(on_background.spawn(sandbox.run(stop_loops.clone())));
        }

        let api = Api {
            store: store.clone(),
            orders: orders.clone(),
            status,
            checkout,
            reconciler: reconciler.clone(),
            overview,
            metrics,
            draining: draining.clone(),
            operator_token,
            mode: config.zenopay.mode.as_str(),
            instance: format!("{address}/{}", std::process::id()).into(),
            started: Instant::now(),
            wait_max: Duration::from_secs(u64::from(config.portal.wait_max_secs)),
        };
        let (server, serving) = serve(listener, api, sandbox, &config).map_err(StartError::Bind)?;
        info!(%address, mode = config.zenopay.mode.as_str(), "serving");
        Ok(Self {
            address,
            store,
            orders,
            reconciler,
            server,
            serving,
            draining,
            stop_loops,
            loops,
            arbiters,
            background: Some(background),
        })
    }

    /// Stops everything, in order; what was acknowledged stays.
    pub async fn stop(mut self) {
        info!("stopping");
        if timeout(STOP_WITHIN, self.wind_down()).await.is_err() {
            warn!("not everything ended in time; what was acknowledged is committed");
        }
        if let Some(background) = self.background.take() {
            background.shutdown_background();
        }
        info!("stopped");
    }

    async fn wind_down(&mut self) {
        // Every parked poll is answered, and nothing new is taken.
        self.draining.cancel();
        sleep(LAST_CALL).await;
        self.server.stop(true).await;
        let _ = (&mut self.serving).await;
        self.orders.drain(DRAIN_WITHIN).await;
        self.stop_loops.cancel();
        for task in self.loops.drain(..) {
            let _ = task.await;
        }
        for arbiter in self.arbiters.drain(..) {
            arbiter.stop();
            let _ = tokio::task::spawn_blocking(move || arbiter.join()).await;
        }
        self.store.close().await;
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // A runtime must not be dropped where async code runs.
        if let Some(background) = self.background.take() {
            background.shutdown_background();
        }
    }
}

async fn migrate(config: &Config) -> Result<(), StartError> {
    let applied = migration::up(config.database.url.expose())
        .await
        .map_err(|error| StartError::Migration(error.to_string()))?;
    if applied > 0 {
        info!(applied, "schema migrated");
    }
    Ok(())
}

/// The real ZenoPay, or the one that we simulate on our own port.
fn client(config: &Config, here: &Url) -> Result<Client, ClientError> {
    let base_url = match config.zenopay.mode {
        Mode::Live => config.zenopay.base_url.clone(),
        Mode::Sandbox => here.join("/sandbox").unwrap_or_else(|_| here.clone()),
    };
    Client::new(
        base_url,
        config.zenopay.key(),
        config.zenopay.create_timeout(),
    )
}

fn limits(config: &Config) -> Limits {
    Limits {
        prompts_per_phone: config.limits.prompts_per_phone,
        unpaid_per_phone_day: config.limits.unpaid_per_phone_day,
        prompts_per_sec: config.limits.prompts_per_sec,
        resume: TimeDelta::seconds(i64::from(config.portal.resume_secs)),
    }
}

/// The address by which this machine reaches itself.
fn local_url(address: SocketAddr) -> Url {
    let host = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => "127.0.0.1".to_owned(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => "[::1]".to_owned(),
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    };
    Url::parse(&format!("http://{host}:{}", address.port())).expect("an address makes a URL")
}

type Serving = (ServerHandle, JoinHandle<std::io::Result<()>>);

fn serve(
    listener: TcpListener,
    api: Api,
    sandbox: Option<Sandbox>,
    config: &Config,
) -> std::io::Result<Serving> {
    let origins: Arc<[String]> = config.portal.allowed_origins.clone().into();
    let server = HttpServer::new(move || {
        WebApp::new()
            .app_data(web::Data::new(api.clone()))
            .wrap(from_fn(http::refuse_when_stopping))
            .wrap(http::cors(&origins))
            .wrap(http::headers())
            .configure(|routes| http::routes(routes, sandbox.clone()))
    })
    .disable_signals()
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_WITHIN)
    // A client that hangs up frees its seat at once; the webhook's work does not care.
    .h1_allow_half_closed(false)
    .shutdown_timeout(DRAIN_WITHIN.as_secs())
    .workers(std::thread::available_parallelism().map_or(2, usize::from))
    .listen(listener)?
    .run();
    let handle = server.handle();
    Ok((handle, actix_web::rt::spawn(server)))
}
