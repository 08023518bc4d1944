//! Everything between the database and the listener, put together.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Arbiter;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::connections::Capacity;
use super::error::StartError;
use super::{overview, parts};
use crate::actors::cluster::{self, Cluster, Outgoing};
use crate::actors::status::StatusBoard;
use crate::actors::status_checks::StatusChecker;
use crate::actors::{OrderContext, Orders, WebhookAuth};
use crate::config::{Config, Mode};
use crate::doctor::{Doctor, DoctorJob};
use crate::domain::people::Secret;
use crate::gateways::zenopay::proof::Keys;
use crate::http::auth::Gate;
use crate::http::{Api, Checks, Clients, FrontDoor, HELPED_MAX, History, Readiness, STREAMS_MAX};
use crate::http_client;
use crate::jobs::clock_watch::ClockWatch;
use crate::jobs::reconciler::{Reconciler, ReconcilerContext};
use crate::jobs::relay::Relay;
use crate::jobs::relay::disconnects::{self, Disconnects};
use crate::jobs::relay::proofs::VoucherTests;
use crate::jobs::retention::Retention;
use crate::observability::metrics::Metrics;
use crate::sandbox::Sandbox;
use crate::store::{Overview, Store};
use crate::supervisor::{BackgroundTasks, Supervisor, Task};
use crate::timekeeper::Timekeeper;
use crate::web::Shop;

/// Arbiters of the order actors. The status actor has its own, so that a notice never waits for an
/// order.
const ORDER_ARBITERS: usize = 2;

/// The parts, before anything is served.
pub(super) struct Machinery {
    /// What handlers need.
    api: Api,
    pub sandbox: Option<Sandbox>,
    pub clock_watch: ClockWatch,
    relay: Relay,
    disconnects: Disconnects,
    voucher_tests: Option<VoucherTests>,
    overview: Arc<watch::Sender<Overview>>,
    doctor: DoctorJob,
    /// Taken by the loop that notifies other processes.
    outgoing: Outgoing,
    /// The first is the status actor's.
    arbiters: Vec<Arbiter>,
}

impl Machinery {
    #[expect(
        clippy::too_many_lines,
        reason = "a list: each part is built once, in the order in which they need each other"
    )]
    pub fn assemble(
        config: &Config,
        address: SocketAddr,
        operator_token: Option<Secret>,
        store: Store,
        supervisor: Supervisor,
        background: BackgroundTasks,
    ) -> Result<Self, StartError> {
        let here = &http_client::local_url(address);
        let metrics = Metrics::new(supervisor.failures());
        let draining = CancellationToken::new();
        let client = parts::client(config, here)?;
        let sandbox = match config.zenopay.mode {
            Mode::Sandbox => {
                let key = config.zenopay.key();
                Some(Sandbox::new(store.clone(), config.sandbox.clone(), key)?)
            }
            Mode::Live => None,
        };

        let arbiters: Vec<Arbiter> = (0..=ORDER_ARBITERS).map(|_| Arbiter::new()).collect();
        let (for_status, for_orders) = arbiters.split_at(1);
        let (to_cluster, outgoing) = mpsc::channel(cluster::BACKLOG);
        let status = StatusBoard::start(
            for_status[0].handle(),
            &supervisor,
            &background.runtime(),
            Capacity::of_process().waiters(config.portal.waiters_max),
            draining.clone(),
            to_cluster,
            metrics.clone(),
        );
        let context = OrderContext {
            store: store.clone(),
            facts: parts::facts(config, here, &store),
            status: status.clone(),
            metrics: metrics.clone(),
        };
        let timekeeper = Timekeeper::default();
        let status_checks = StatusChecker::new(
            client.clone(),
            config.zenopay.asks_per_sec,
            store.clone(),
            background.clone(),
            timekeeper.clone(),
            metrics.clone(),
        );
        let orders = Orders::start(
            context,
            config.actors.clone(),
            for_orders,
            status_checks,
            WebhookAuth {
                keys: Keys {
                    current: config.zenopay.key(),
                    previous: config.zenopay.previous_api_key.clone(),
                },
                confirm: config.zenopay.confirm,
            },
            background.clone(),
        );
        let reconciler = Reconciler::new(ReconcilerContext {
            store: store.clone(),
            orders: orders.clone(),
            status: status.clone(),
            asks_per_sec: config.zenopay.asks_per_sec,
            timekeeper: timekeeper.clone(),
            metrics: metrics.clone(),
        });
        let (overview, counted) = watch::channel(Overview::default());
        let (findings, last) = watch::channel(None);
        let checks = Checks {
            last,
            wanted: Arc::default(),
        };
        let public = config.server.public_url.as_ref();
        let https = public.is_some_and(|url| url.scheme() == "https");
        Ok(Self {
            sandbox,
            clock_watch: parts::clock_watch(config, &store, &client),
            relay: parts::relay(config, &store, timekeeper, &metrics)?,
            disconnects: Disconnects {
                store: store.clone(),
                coa_secret: config.radius.coa_secret.clone(),
            },
            voucher_tests: parts::voucher_tests(config, &store, &metrics),
            overview: Arc::new(overview),
            doctor: DoctorJob {
                doctor: Doctor::new(config, address),
                store: store.clone(),
                last: Arc::new(findings),
                wanted: checks.wanted.clone(),
            },
            outgoing,
            arbiters,
            api: Api {
                gate: Gate::new(store.clone(), operator_token, https),
                front_door: Arc::new(FrontDoor::new(metrics.clone())),
                readiness: Readiness::default(),
                live_streams: Arc::new(Semaphore::new(STREAMS_MAX)),
                helping: Arc::new(Semaphore::new(HELPED_MAX)),
                history: History::default(),
                retention: Retention::new(store.clone(), &config.retention),
                checkout: parts::checkout(config, here, &orders, &store, client, background),
                store,
                orders,
                status,
                reconciler,
                overview: counted,
                checks,
                metrics,
                supervisor,
                draining,
                mode: config.zenopay.mode.as_str(),
                instance: format!("{address}/{}", std::process::id()).into(),
                started: Instant::now(),
                timezone: config.server.timezone,
                wait_max: Duration::from_secs(u64::from(config.portal.wait_max_secs)),
                allowed_origins: config.portal.allowed_origins.clone().into(),
                clients: Clients::new(&config.server.trusted_proxies, &config.limits),
                shop: Arc::new(Shop::new(
                    &config.portal,
                    config.server.timezone,
                    config.zenopay.mode,
                    config.sms.provider,
                )),
                site: Arc::new(parts::site(config, here)),
            },
        })
    }

    /// Starts the loops that have something to do, each under its name. Returns what handlers need,
    /// and the arbiters, which the caller stops.
    pub fn run_loops(self, background: &Handle) -> (Api, Vec<Arbiter>) {
        let api = self.api;
        let run = Loops {
            supervisor: &api.supervisor,
            background,
        };
        // Separate tasks, so that orders expire on time while ZenoPay does not answer.
        let reconciler = &api.reconciler;
        run.droppable(Task::OrderExpiry, reconciler, Reconciler::keep_expiring);
        run.droppable(Task::StatusChecks, reconciler, Reconciler::keep_checking);
        run.droppable(
            Task::EarlyChecks,
            reconciler,
            Reconciler::follow_early_checks,
        );
        run.each(Task::ClockWatch, &self.clock_watch, ClockWatch::run);
        run.each(Task::SmsRelay, &self.relay, Relay::send_until);
        if self.relay.awaits_receipts() {
            run.each(Task::SmsReceipts, &self.relay, Relay::read_receipts);
        }
        run.each(Task::Disconnects, &self.disconnects, Disconnects::run);
        run.each(Task::SessionSweep, &api.store, disconnects::sweep);
        run.each(Task::Passivation, &api.orders, Orders::passivate);
        run.each(Task::Retention, &api.retention, Retention::run);
        if let Some(tests) = &self.voucher_tests {
            run.each(Task::VoucherTests, tests, VoucherTests::run);
        }
        if let Some(sandbox) = &self.sandbox {
            run.each(Task::Sandbox, sandbox, Sandbox::run);
        }
        let counted = (api.store.clone(), api.metrics.clone(), self.overview);
        run.each(Task::Overview, &counted, overview::refresh);
        run.droppable(Task::Doctor, &self.doctor, DoctorJob::run);
        Cluster::start(
            api.store.clone(),
            api.status.clone(),
            self.outgoing,
            &api.supervisor,
            background,
        );
        run.watch(&self.arbiters);
        (api, self.arbiters)
    }
}

struct Loops<'a> {
    supervisor: &'a Supervisor,
    background: &'a Handle,
}

impl Loops<'_> {
    /// Each start gets a fresh clone, so that no state of a panicked run is left.
    fn each<T, F>(&self, task: Task, it: &T, work: fn(T, CancellationToken) -> F)
    where
        T: Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (it, stop) = (it.clone(), self.supervisor.stop_token());
        self.supervisor.run(self.background, task, move || {
            work(it.clone(), stop.clone())
        });
    }

    /// The same for work that a stop may drop at any of its awaits.
    fn droppable<T, F>(&self, task: Task, it: &T, work: fn(T) -> F)
    where
        T: Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let it = it.clone();
        let supervisor = self.supervisor;
        supervisor.run_droppable(self.background, task, move || work(it.clone()));
    }

    /// The first arbiter is the status actor's.
    fn watch(&self, arbiters: &[Arbiter]) {
        for (number, arbiter) in arbiters.iter().enumerate() {
            let task = match number {
                0 => Task::StatusArbiter,
                _ => Task::OrderArbiter,
            };
            let arbiter = arbiter.handle();
            let watch = move || {
                let ended = CancellationToken::new();
                let guard = ended.clone().drop_guard();
                // Dropped with the arbiter, or at once if it is gone already.
                arbiter.spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
                ended.cancelled_owned()
            };
            self.supervisor.run_droppable(self.background, task, watch);
        }
    }
}
