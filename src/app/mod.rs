//! The server as a whole: start and stop.
//!
//! Start: database, actors, loops, listener last. Stop: not ready, answer every poll, accept no new
//! work, finish the loops, drain the actors, close the database; one deadline over all.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use futures_util::future::join;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::{Config, ConfigError, Mode};
use crate::domain::people::Secret;
use crate::http::{Api, console};
use crate::store::{Store, StoreError, fresh_token};
use crate::supervisor::{BackgroundTasks, DroppableRuntime, Supervisor, Task};

mod connections;
mod error;
mod listener;
mod machinery;
mod overview;
mod parts;

use listener::DRAIN_WITHIN;
use machinery::Machinery;

pub use error::StartError;
pub use parts::radius_address;

/// The limit for the whole stop.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// Between "not ready" and the end of listening. A portal whose poll was just answered polls again at
/// once, and gets the answer that the server is stopping.
const NOT_READY_FOR: Duration = Duration::from_millis(500);
/// For loops and for tasks without a client; counted from the end of [`NOT_READY_FOR`], as
/// [`DRAIN_WITHIN`]. A push or an SMS takes ten seconds at most, unless `zenopay.create_timeout_ms`
/// or `sms.timeout_ms` is longer.
const LOOPS_END_WITHIN: Duration = Duration::from_secs(11);
/// The limit for a stop after the failure of a task that every sale needs: enough to answer parked polls.
const FAILED_STOP_WITHIN: Duration = Duration::from_secs(3);

/// How operators log in.
#[derive(Clone)]
pub enum OperatorLogIn {
    /// By tokens that exist already.
    Known,
    /// In a sandbox without operators: by this admin token, which is made for this run and not
    /// stored.
    Fresh(Secret),
    /// Not at all: there are no tokens yet.
    NoOperator,
}

/// Reads the certificate and its key, as a start does.
///
/// # Errors
/// [`StartError::Config`], which names the key.
pub fn read_certificate(config: &Config) -> Result<(), StartError> {
    listener::read_tls(&config.server).map(drop)
}

/// A running server.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    /// How operators log in.
    pub operator_log_in: OperatorLogIn,
    /// What handlers are passed. Tests also use its parts directly, without a socket.
    pub api: Api,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    under_way: BackgroundTasks,
    arbiters: Vec<actix::Arbiter>,
    _background: DroppableRuntime,
}

impl App {
    /// Starts everything. Must be called inside an actix system.
    ///
    /// # Errors
    /// The [`StartError`]; nothing then answers.
    pub async fn start(config: Config, operator_token: Option<Secret>) -> Result<Self, StartError> {
        // Bound first, because webhook URLs contain the port, which may be chosen here; served
        // last.
        let tls = listener::read_tls(&config.server)?;
        let listener = listener::bind(config.server.bind).map_err(StartError::Bind)?;
        let address = listener.local_addr().map_err(StartError::Bind)?;
        let background =
            DroppableRuntime::start("malipo-background").map_err(StartError::Threads)?;

        let supervisor = Supervisor::default();
        let store = Store::open(&config.database, &supervisor).await?;
        let mode = config.zenopay.mode;
        // Also before its schema is changed.
        refuse_live(mode, &store).await?;
        store.claim_mode(mode).await?;
        migrate(&config).await?;
        refuse_live(mode, &store).await?;
        refuse_sandbox(mode, &store).await?;
        warn_of_held_messages(&store).await?;
        let operator_log_in = operator_log_in(&config, operator_token.as_ref(), &store).await?;
        let bootstrap = match &operator_log_in {
            OperatorLogIn::Fresh(token) => Some(token.clone()),
            OperatorLogIn::Known | OperatorLogIn::NoOperator => operator_token,
        };
        let under_way = BackgroundTasks::on(background.handle.clone());
        let machinery = Machinery::assemble(
            &config,
            address,
            bootstrap,
            store.clone(),
            supervisor.clone(),
            under_way.clone(),
        )?;
        machinery.clock_watch.ask().await;
        machinery.clock_watch.run_once(false).await?;
        let sandbox = machinery.sandbox.clone();
        let (api, arbiters) = machinery.run_loops(&background.handle);
        let shown = api.clone();
        supervisor.run(&background.handle, Task::ConsoleHistory, move || {
            console::keep_history(shown.clone())
        });
        let ended = CancellationToken::new();
        let listener = (listener, tls);
        let (server, serving) =
            listener::serve(listener, api.clone(), sandbox, &config, ended.clone())
                .map_err(StartError::Bind)?;
        // Before the last task starts: it is polled once and then waits until the server ends.
        supervisor.arm_panic_from_environment();
        supervisor.run_droppable(&background.handle, Task::Listener, move || {
            ended.clone().cancelled_owned()
        });
        info!(%address, mode = mode.as_str(), "serving");
        Ok(Self {
            address,
            operator_log_in,
            api,
            server,
            serving,
            under_way,
            arbiters,
            _background: background,
        })
    }

    /// Returns as soon as a task has failed that every sale needs.
    pub async fn failed(&self) -> Task {
        self.api.supervisor.fatal().await
    }

    /// Stops everything, in order; what was acknowledged is committed.
    pub async fn stop(self) {
        self.stop_within(STOP_WITHIN).await;
    }

    /// The same after [`App::failed`]: within less time, so that the next process can sell soon.
    pub async fn stop_failed(self) {
        self.stop_within(FAILED_STOP_WITHIN).await;
    }

    async fn stop_within(mut self, limit: Duration) {
        info!("stopping");
        if timeout(limit, self.wind_down()).await.is_err() {
            warn!("not everything ended in time; what was acknowledged is committed");
        }
        info!("stopped");
    }

    async fn wind_down(&mut self) {
        // First, because a task that ends earlier counts as failed.
        self.api.supervisor.stop();
        // Every parked poll is answered, and no new work is accepted.
        self.api.draining.cancel();
        sleep(NOT_READY_FOR).await;
        let called = Instant::now();
        let left = |limit: Duration| limit.saturating_sub(called.elapsed());
        self.server.stop(true).await;
        let _ = (&mut self.serving).await;
        // Before the orders are closed, because a push ends with its order.
        let ends = join(self.under_way.ended(), self.api.supervisor.stopped());
        if timeout(left(LOOPS_END_WITHIN), ends).await.is_err() {
            warn!("stopping although a task is not done; its leases end by themselves");
        }
        self.api.orders.drain(left(DRAIN_WITHIN)).await;
        for arbiter in self.arbiters.drain(..) {
            arbiter.stop();
            let _ = tokio::task::spawn_blocking(move || arbiter.join()).await;
        }
        self.api.store.close().await;
    }
}

async fn operator_log_in(
    config: &Config,
    token: Option<&Secret>,
    store: &Store,
) -> Result<OperatorLogIn, StoreError> {
    if token.is_some() || store.has_operators().await? {
        return Ok(OperatorLogIn::Known);
    }
    Ok(match config.zenopay.mode {
        Mode::Sandbox => OperatorLogIn::Fresh(fresh_token()),
        Mode::Live => OperatorLogIn::NoOperator,
    })
}

/// The vouchers of a sandbox cost nothing, so live mode does not honour them.
async fn refuse_sandbox(mode: Mode, store: &Store) -> Result<(), StartError> {
    if mode != Mode::Live {
        return Ok(());
    }
    match store.simulated_payments().await? {
        0 => Ok(store.mark_live().await?),
        count => Err(ConfigError::of(
            "database.url",
            format_args!(
                "this database is a sandbox's, with {count} simulated payments; name another one, or start \
                 once with `malipo serve --adopt-sandbox`, which revokes their vouchers and takes them out of \
                 the reports"
            ),
        )
        .into()),
    }
}

/// A sandbox gives vouchers away, and would do it beside those that are paid.
async fn refuse_live(mode: Mode, store: &Store) -> Result<(), StartError> {
    if mode != Mode::Sandbox {
        return Ok(());
    }
    match store.live_since().await? {
        None => Ok(()),
        Some(since) => Err(ConfigError::of(
            "database.url",
            format_args!(
                "live mode has used this database since {}, and a sandbox would give vouchers away in it; name \
                 another one, as in sqlite://sandbox.db?mode=rwc, or set zenopay.mode = \"live\"",
                since.date_naive()
            ),
        )
        .into()),
    }
}

/// An admin must decide before guests get another SMS, and may not open the console today.
async fn warn_of_held_messages(store: &Store) -> Result<(), StoreError> {
    if let Some(hold) = store.outbox_hold().await? {
        warn!(
            since = %hold.since,
            sms = hold.sms.all,
            disconnects = hold.disconnects.all,
            "this database was restored from a backup: SMS and Disconnect-Requests are held back until an admin releases them in the console"
        );
    }
    Ok(())
}

async fn migrate(config: &Config) -> Result<(), StartError> {
    let url = config.database.url.expose();
    let failed = |error| {
        let error = format!("{error}");
        StartError::Migration(match error.contains("database is locked") {
            true => "another program has locked the file; end it, and start again".to_owned(),
            false => error,
        })
    };
    if config.database.auto_migrate {
        let applied = migration::up(url).await.map_err(failed)?;
        if applied > 0 {
            info!(applied, "schema migrated");
        }
        return Ok(());
    }
    let steps = migration::status(url).await.map_err(failed)?;
    match steps.iter().filter(|step| !step.applied).count() {
        0 => Ok(()),
        missing => Err(StartError::Migration(format!(
            "{missing} steps are missing; run `malipo migrate`"
        ))),
    }
}
