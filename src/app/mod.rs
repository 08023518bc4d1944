//! The server as a whole: start and stop.
//!
//! Start: database, actors, loops, listener last. Stop: not ready, answer every poll, take
//! nothing new, drain the actors, finish the loops, close the database; one deadline over all.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use futures_util::future::join;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::actors::Orders;
use crate::config::{Config, Mode};
use crate::domain::people::secret::Secret;
use crate::failpoint::Failpoints;
use crate::http::{Api, console};
use crate::jobs::reconciler::Reconciler;
use crate::store::{Store, StoreError, fresh_token};
use crate::supervisor::{Supervisor, Task, UnderWay};

mod address;
mod background;
mod error;
mod machinery;
mod open_files;
mod overview;
mod parts;
mod serve;
mod tls;

use background::Background;
use machinery::Machinery;
use serve::DRAIN_WITHIN;

pub use address::radius_address;
pub use error::StartError;

/// Over all of stopping.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// Between "not ready" and the closed door: who comes back at once, as a portal does whose
/// poll was just answered, is told to come again.
const LAST_CALL: Duration = Duration::from_millis(500);
/// For what the loops and tasks without a client have in hand, counted like [`DRAIN_WITHIN`]: a
/// push is at ZenoPay and an SMS at its provider for ten seconds at most, unless
/// `zenopay.create_timeout_ms` or `sms.timeout_ms` say more.
const LOOPS_END_WITHIN: Duration = Duration::from_secs(11);
/// For a stop after a task has failed without which nothing is sold: parked polls are answered.
const FAILED_STOP_WITHIN: Duration = Duration::from_secs(3);

/// How operators come in.
#[derive(Clone)]
pub enum WayIn {
    /// By tokens that are known already.
    Known,
    /// In a sandbox without operators: by this admin token, which is made for this run and kept
    /// nowhere.
    Fresh(Secret),
    /// Not at all: there are no tokens yet.
    Nobody,
}

/// A running server.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    /// The orders in play.
    pub orders: Orders,
    /// To be driven by hand in tests.
    pub reconciler: Reconciler,
    /// How anybody comes in.
    pub way_in: WayIn,
    /// What handlers have, for tests that call them without a socket.
    pub api: Api,
    store: Store,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    supervisor: Supervisor,
    under_way: UnderWay,
    arbiters: Vec<actix::Arbiter>,
    _background: Background,
}

impl App {
    /// Starts everything. Must be called inside an actix system.
    ///
    /// # Errors
    /// The [`StartError`]; nothing then answers.
    pub async fn start(config: Config, operator_token: Option<Secret>) -> Result<Self, StartError> {
        // Claimed first, because the port may be ours to choose and webhook URLs hold it;
        // served last.
        let tls = tls::read(&config.server)?;
        let listener = TcpListener::bind(config.server.bind).map_err(StartError::Bind)?;
        let address = listener.local_addr().map_err(StartError::Bind)?;
        let background = Background::start().map_err(StartError::Threads)?;

        let supervisor = Supervisor::new();
        let store = Store::open(&config.database, &supervisor).await?;
        bring_up_to_date(&config).await?;
        tell_what_is_held(&store).await?;
        let way_in = way_in(&config, operator_token.as_ref(), &store).await?;
        let bootstrap = match &way_in {
            WayIn::Fresh(token) => Some(token.clone()),
            WayIn::Known | WayIn::Nobody => operator_token,
        };
        let under_way = UnderWay::on(background.handle());
        let machinery = Machinery::assemble(
            &config,
            address,
            bootstrap,
            store.clone(),
            supervisor.clone(),
            under_way.clone(),
        )?;
        let sandbox = machinery.sandbox.clone();
        let (api, arbiters) = machinery.run_loops(&background.handle());
        let shown = api.clone();
        supervisor.run(&background.handle(), Task::ConsoleHistory, move || {
            console::keep_history(shown.clone())
        });
        let (server, serving, ended) = serve::serve((listener, tls), api.clone(), sandbox, &config)
            .map_err(StartError::Bind)?;
        // Before the last task starts: it is polled once and then waits for ever.
        supervisor.set_trap_from_environment();
        watch_listener(&supervisor, &background, ended);
        info!(%address, mode = config.zenopay.mode.as_str(), "serving");
        Ok(Self {
            address,
            orders: api.orders.clone(),
            reconciler: api.reconciler.clone(),
            way_in,
            api,
            store,
            server,
            serving,
            supervisor,
            under_way,
            arbiters,
            _background: background,
        })
    }

    /// Where a test has a sale fail.
    pub fn failpoints(&self) -> &Failpoints {
        self.store.failpoints()
    }

    /// What runs as long as the server does; a test has one of the tasks fail.
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Returns as soon as a task has failed without which nothing can be sold.
    pub async fn failed(&self) -> Task {
        self.supervisor.fatal().await
    }

    /// Stops everything, in order; what was acknowledged stays.
    pub async fn stop(self) {
        self.stop_within(STOP_WITHIN).await;
    }

    /// The same after such a failure: sooner, so that the next process sells.
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
        // First, because a task that ends before it has failed.
        self.supervisor.stop();
        // Every parked poll is answered, and nothing new is taken.
        self.api.draining.cancel();
        sleep(LAST_CALL).await;
        let called = Instant::now();
        let left = |limit: Duration| limit.saturating_sub(called.elapsed());
        self.server.stop(true).await;
        let _ = (&mut self.serving).await;
        // Before the orders are closed, because a push ends with its order.
        let ends = join(self.under_way.ended(), self.supervisor.stopped());
        if timeout(left(LOOPS_END_WITHIN), ends).await.is_err() {
            warn!("stopping although a task waits for somebody; its leases end by themselves");
        }
        self.orders.drain(left(DRAIN_WITHIN)).await;
        for arbiter in self.arbiters.drain(..) {
            arbiter.stop();
            let _ = tokio::task::spawn_blocking(move || arbiter.join()).await;
        }
        self.store.close().await;
    }
}

fn watch_listener(supervisor: &Supervisor, background: &Background, ended: oneshot::Receiver<()>) {
    let mut ended = Some(ended);
    supervisor.run_droppable(&background.handle(), Task::Listener, move || {
        let ended = ended.take();
        async move {
            if let Some(ended) = ended {
                // Nothing is ever sent: this is the end of the server.
                let _ = ended.await;
            }
        }
    });
}

async fn way_in(
    config: &Config,
    token: Option<&Secret>,
    store: &Store,
) -> Result<WayIn, StoreError> {
    if token.is_some() || store.has_operators().await? {
        return Ok(WayIn::Known);
    }
    Ok(match config.zenopay.mode {
        Mode::Sandbox => WayIn::Fresh(fresh_token()),
        Mode::Live => WayIn::Nobody,
    })
}

/// A person must decide before guests get another SMS, and may not open the console today.
async fn tell_what_is_held(store: &Store) -> Result<(), StoreError> {
    if let Some(hold) = store.outbox_hold().await? {
        warn!(
            since = %hold.since,
            sms = hold.sms.all,
            disconnects = hold.disconnects.all,
            "this database was restored from a backup: SMS and Disconnect-Requests are held back until an admin lets them go in the console"
        );
    }
    Ok(())
}

async fn bring_up_to_date(config: &Config) -> Result<(), StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Migration(error.to_string());
    let url = config.database.url.expose();
    if !config.database.auto_migrate {
        let steps = migration::status(url)
            .await
            .map_err(|error| failed(&error))?;
        return match steps.iter().filter(|step| !step.applied).count() {
            0 => Ok(()),
            missing => Err(failed(&format!(
                "{missing} steps are missing; run `malipo migrate`"
            ))),
        };
    }
    let applied = migration::up(url).await.map_err(|error| failed(&error))?;
    if applied > 0 {
        info!(applied, "schema migrated");
    }
    Ok(())
}
