//! Everything between the books and the listener, put together.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Arbiter;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{StartError, loops, open_files, overview, parts};
use crate::actors::cluster;
use crate::actors::cluster::{Neighbours, Outgoing};
use crate::actors::status::{Home, StatusBoard};
use crate::actors::status_checks::Asks;
use crate::actors::{Orders, Tools};
use crate::checkout::Checkout;
use crate::config::Config;
use crate::domain::people::secret::Secret;
use crate::http::auth::Gate;
use crate::http::console::History;
use crate::http::operators::events::Screens;
use crate::http::{Api, Clients};
use crate::jobs::reconciler;
use crate::jobs::reconciler::Reconciler;
use crate::jobs::relay::Relay;
use crate::jobs::relay::disconnects::Disconnects;
use crate::jobs::relay::proofs::Proofs;
use crate::jobs::relay::session_sweep::Sweep;
use crate::jobs::retention::Retention;
use crate::observability::metrics::Metrics;
use crate::sandbox::Sandbox;
use crate::store::{Overview, Store};
use crate::supervisor::{Supervisor, Task, UnderWay};
use crate::timekeeper::Timekeeper;
use crate::web::Shop;

/// Arbiters on which order actors live; the status actor has one of its own, so that a
/// notice never waits behind an order.
const ORDER_ARBITERS: usize = 2;

/// The parts, before anybody is served.
pub(super) struct Machinery {
    pub orders: Orders,
    pub reconciler: Reconciler,
    pub sandbox: Option<Sandbox>,
    disconnects: Disconnects,
    sweep: Sweep,
    proofs: Option<Proofs>,
    pub draining: CancellationToken,
    store: Store,
    status: StatusBoard,
    checkout: Checkout,
    relay: Relay,
    retention: Retention,
    /// Taken by the loop that tells other processes.
    outgoing: Option<Outgoing>,
    metrics: Arc<Metrics>,
    supervisor: Supervisor,
    arbiters: Vec<Arbiter>,
}

impl Machinery {
    pub fn assemble(
        config: &Config,
        here: &Url,
        store: Store,
        supervisor: Supervisor,
        background: UnderWay,
    ) -> Result<Self, StartError> {
        let metrics = Metrics::new(supervisor.failures());
        let draining = CancellationToken::new();
        let client = parts::client(config, here)?;
        let sandbox = parts::simulated(config, &store)?;

        let arbiters: Vec<Arbiter> = (0..=ORDER_ARBITERS).map(|_| Arbiter::new()).collect();
        let (for_status, for_orders) = arbiters.split_at(1);
        let waiters_max = config
            .portal
            .waiters_max
            .unwrap_or_else(open_files::default_waiters);
        let (to_neighbours, outgoing) = mpsc::channel(cluster::BACKLOG);
        let status = StatusBoard::start(
            Home::on(&for_status[0], &supervisor, &background),
            waiters_max,
            draining.clone(),
            to_neighbours,
            metrics.clone(),
        );
        let tools = Tools {
            store: store.clone(),
            facts: parts::facts(config, here, &store),
            status: status.clone(),
            metrics: metrics.clone(),
        };
        let timekeeper = Timekeeper::default();
        let asks = Asks::new(
            client.clone(),
            config.zenopay.asks_per_sec,
            store.clone(),
            background.clone(),
            timekeeper.clone(),
            metrics.clone(),
        );
        let orders = Orders::start(
            tools,
            config.actors.clone(),
            for_orders,
            asks,
            parts::belief(config),
            background.clone(),
        );

        let checkout = parts::checkout(config, here, &orders, &store, client, background);
        let reconciler = Reconciler::new(reconciler::Parts {
            store: store.clone(),
            orders: orders.clone(),
            status: status.clone(),
            asks_per_sec: config.zenopay.asks_per_sec,
            timekeeper: timekeeper.clone(),
            metrics: metrics.clone(),
        });
        let relay = parts::relay(config, &store, timekeeper, &metrics)?;
        Ok(Self {
            reconciler,
            relay,
            retention: Retention::new(store.clone(), &config.retention),
            orders,
            sandbox,
            disconnects: Disconnects::new(store.clone(), config.radius.coa_secret.clone()),
            sweep: Sweep::new(store.clone()),
            proofs: parts::proofs(config, &store, &metrics),
            draining,
            store,
            status,
            checkout,
            outgoing: Some(outgoing),
            metrics,
            supervisor,
            arbiters,
        })
    }

    /// Starts what goes on by itself.
    pub fn run_loops(&mut self, background: &Handle) -> watch::Receiver<Overview> {
        let supervisor = &self.supervisor;
        self.reconciler.start(supervisor, background);
        loops::start(
            supervisor,
            background,
            loops::Loops {
                relay: &self.relay,
                disconnects: &self.disconnects,
                sweep: &self.sweep,
                proofs: self.proofs.as_ref(),
                retention: &self.retention,
                sandbox: self.sandbox.as_ref(),
                orders: &self.orders,
            },
        );
        if let Some(outgoing) = self.outgoing.take() {
            let (store, status) = (self.store.clone(), self.status.clone());
            Neighbours::start(store, status, outgoing, supervisor, background);
        }
        self.watch_arbiters(background);
        self.count_what_is_open(background)
    }

    fn count_what_is_open(&self, background: &Handle) -> watch::Receiver<Overview> {
        let (sender, overview) = watch::channel(Overview::default());
        let sender = Arc::new(sender);
        let (store, metrics) = (self.store.clone(), self.metrics.clone());
        let stop = self.supervisor.stop_token();
        self.supervisor.run(background, Task::Overview, move || {
            let (store, metrics) = (store.clone(), metrics.clone());
            overview::refresh(store, metrics, sender.clone(), stop.clone())
        });
        overview
    }

    /// The first arbiter is the status actor's, see [`Machinery::assemble`].
    fn watch_arbiters(&self, background: &Handle) {
        for (number, arbiter) in self.arbiters.iter().enumerate() {
            let task = match number {
                0 => Task::StatusArbiter,
                _ => Task::OrderArbiter,
            };
            let arbiter = arbiter.handle();
            self.supervisor.run_droppable(background, task, move || {
                let (alive, ended) = oneshot::channel::<()>();
                // Dropped with the arbiter, or at once if it is gone already.
                arbiter.spawn(async move {
                    let _alive = alive;
                    pending::<()>().await;
                });
                async move {
                    let _ = ended.await;
                }
            });
        }
    }

    /// What handlers need, and the arbiters for whoever stops them.
    pub fn into_api(
        self,
        config: &Config,
        address: SocketAddr,
        operator_token: Option<Secret>,
        overview: watch::Receiver<Overview>,
    ) -> (Api, Vec<Arbiter>) {
        let https = config
            .server
            .public_url
            .as_ref()
            .is_some_and(|url| url.scheme() == "https");
        let api = Api {
            gate: Gate::new(self.store.clone(), operator_token, https),
            screens: Screens::default(),
            history: History::default(),
            store: self.store,
            orders: self.orders,
            retention: self.retention,
            status: self.status,
            checkout: self.checkout,
            reconciler: self.reconciler,
            overview,
            metrics: self.metrics,
            supervisor: self.supervisor,
            draining: self.draining,
            mode: config.zenopay.mode.as_str(),
            instance: format!("{address}/{}", std::process::id()).into(),
            started: Instant::now(),
            timezone: config.server.timezone,
            wait_max: Duration::from_secs(u64::from(config.portal.wait_max_secs)),
            clients: Clients::new(
                &config.server.trusted_proxies,
                config.limits.purchases_per_client_min,
            ),
            resume: parts::limits(config).resume,
            shop: Arc::new(Shop::new(
                &config.portal,
                config.server.timezone,
                config.zenopay.mode,
                config.sms.provider,
            )),
            site: Arc::new(parts::site(config, address)),
        };
        (api, self.arbiters)
    }
}
