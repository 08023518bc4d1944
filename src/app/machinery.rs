//! Everything between the books and the listener, put together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Arbiter;
use chrono::TimeDelta;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{StartError, local_url, open_files, overview, radius_address};
use crate::actors::asks::Asks;
use crate::actors::facts::FactSource;
use crate::actors::neighbours::{self, Neighbours, Outgoing};
use crate::actors::status::StatusBoard;
use crate::actors::{Belief, Orders, Tools};
use crate::checkout::{Checkout, Parts};
use crate::config::{Config, Mode};
use crate::domain::admission::Limits;
use crate::domain::secret::Secret;
use crate::http::auth::Gate;
use crate::http::console::History;
use crate::http::operators::events::Screens;
use crate::http::{Api, Clients, Site};
use crate::metrics::Metrics;
use crate::reconciler::{self, Reconciler};
use crate::relay::disconnects::Disconnects;
use crate::relay::proofs::Proofs;
use crate::relay::sweep::Sweep;
use crate::relay::{self, Relay};
use crate::retention::Retention;
use crate::sandbox::{Sandbox, SandboxError};
use crate::sms::{self, CarrierError};
use crate::store::{Overview, Store};
use crate::timekeeper::Timekeeper;
use crate::web::Shop;
use crate::zenopay::client::{Client, ClientError};
use crate::zenopay::proof::Keys;

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
    arbiters: Vec<Arbiter>,
}

impl Machinery {
    pub fn assemble(
        config: &Config,
        here: &Url,
        store: Store,
        background: Handle,
    ) -> Result<Self, StartError> {
        let metrics = Metrics::new();
        let draining = CancellationToken::new();
        let client = client(config, here)?;
        let sandbox = simulated(config, &store)?;

        let arbiters: Vec<Arbiter> = (0..=ORDER_ARBITERS).map(|_| Arbiter::new()).collect();
        let (for_status, for_orders) = arbiters.split_at(1);
        let waiters_max = config
            .portal
            .waiters_max
            .unwrap_or_else(open_files::default_waiters);
        let (to_neighbours, outgoing) = mpsc::channel(neighbours::BACKLOG);
        let status = StatusBoard::start(
            &for_status[0],
            waiters_max,
            draining.clone(),
            to_neighbours,
            metrics.clone(),
        );
        let tools = Tools {
            store: store.clone(),
            facts: facts(config, here, &store),
            status: status.clone(),
            metrics: metrics.clone(),
        };
        let timekeeper = Timekeeper::default();
        let asks = Asks::new(
            client.clone(),
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
            belief(config),
            background.clone(),
        );

        let checkout = checkout(config, here, &orders, &store, client, background);
        let reconciler = Reconciler::new(reconciler::Parts {
            store: store.clone(),
            orders: orders.clone(),
            status: status.clone(),
            asks_per_sec: config.zenopay.asks_per_sec,
            timekeeper: timekeeper.clone(),
            metrics: metrics.clone(),
        });
        let relay = relay(config, &store, timekeeper, &metrics)?;
        Ok(Self {
            reconciler,
            relay,
            retention: Retention::new(store.clone(), &config.retention),
            orders,
            sandbox,
            disconnects: Disconnects::new(store.clone(), config.radius.coa_secret.clone()),
            sweep: Sweep::new(store.clone()),
            proofs: proofs(config, &store),
            draining,
            store,
            status,
            checkout,
            outgoing: Some(outgoing),
            metrics,
            arbiters,
        })
    }

    /// Starts what goes on by itself.
    pub fn run_loops(
        &mut self,
        background: &Handle,
        stop: &CancellationToken,
    ) -> (Vec<JoinHandle<()>>, watch::Receiver<Overview>) {
        let (sender, overview) = watch::channel(Overview::default());
        let (store, metrics) = (self.store.clone(), self.metrics.clone());
        let mut loops = vec![
            background.spawn(self.reconciler.clone().run(stop.clone())),
            background.spawn(self.relay.clone().run(stop.clone())),
            background.spawn(self.disconnects.clone().run(stop.clone())),
            background.spawn(self.sweep.clone().run(stop.clone())),
            background.spawn(self.retention.clone().run(stop.clone())),
            background.spawn(self.orders.clone().passivate(stop.clone())),
            background.spawn(overview::refresh(store, metrics, sender, stop.clone())),
        ];
        if let Some(outgoing) = self.outgoing.take() {
            let neighbours = Neighbours::new(self.store.clone(), self.status.clone());
            loops.push(background.spawn(neighbours.run(outgoing, stop.clone())));
        }
        if let Some(proofs) = self.proofs.clone() {
            loops.push(background.spawn(proofs.run(stop.clone())));
        }
        if let Some(sandbox) = self.sandbox.clone() {
            loops.push(background.spawn(sandbox.run(stop.clone())));
        }
        (loops, overview)
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
            status: self.status,
            checkout: self.checkout,
            reconciler: self.reconciler,
            overview,
            metrics: self.metrics,
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
            resume: limits(config).resume,
            shop: Arc::new(Shop::new(
                &config.portal,
                config.server.timezone,
                config.zenopay.mode,
            )),
            site: Arc::new(site(config, address)),
        };
        (api, self.arbiters)
    }
}

fn simulated(config: &Config, store: &Store) -> Result<Option<Sandbox>, SandboxError> {
    match config.zenopay.mode {
        Mode::Sandbox => {
            let key = config.zenopay.key();
            Sandbox::new(store.clone(), config.sandbox.clone(), key).map(Some)
        }
        Mode::Live => Ok(None),
    }
}

/// The real ZenoPay, or the one that we simulate on our own port.
fn client(config: &Config, here: &Url) -> Result<Client, ClientError> {
    let base_url = match config.zenopay.mode {
        Mode::Live => config.zenopay.base_url.clone(),
        Mode::Sandbox => here.join("/sandbox").expect("a path joins every http URL"),
    };
    Client::new(
        base_url,
        config.zenopay.key(),
        config.zenopay.create_timeout(),
    )
}

fn site(config: &Config, address: SocketAddr) -> Site {
    let public_url = config.server.public_url.clone();
    let portal = public_url.unwrap_or_else(|| local_url(address));
    Site {
        captive_portal: config.portal.on_site.then_some(portal),
        radius_address: radius_address(config),
    }
}

/// Only where there is somebody to ask.
fn proofs(config: &Config, store: &Store) -> Option<Proofs> {
    let radius = &config.radius;
    let (server, secret) = (radius.server?, radius.secret.clone()?);
    let per_min = radius.proofs_per_min;
    (per_min > 0).then(|| Proofs::new(store.clone(), server, secret, per_min))
}

fn relay(
    config: &Config,
    store: &Store,
    timekeeper: Timekeeper,
    metrics: &Arc<Metrics>,
) -> Result<Relay, CarrierError> {
    let carrier = sms::carrier(&config.sms, config.zenopay.key(), config.zenopay.mode)?;
    Ok(Relay::new(relay::Parts {
        store: store.clone(),
        carrier,
        attempts_max: config.sms.attempts_max,
        timekeeper,
        metrics: metrics.clone(),
    }))
}

/// Where guests and ZenoPay find us.
fn public_url(config: &Config, here: &Url) -> Url {
    let public_url = config.server.public_url.clone();
    public_url.unwrap_or_else(|| here.clone())
}

fn checkout(
    config: &Config,
    here: &Url,
    orders: &Orders,
    store: &Store,
    client: Client,
    background: Handle,
) -> Checkout {
    Checkout::new(Parts {
        store: store.clone(),
        orders: orders.clone(),
        client,
        limits: limits(config),
        expire_after: TimeDelta::seconds(i64::from(config.orders.expire_after_secs)),
        public_url: public_url(config, here),
        background,
    })
}

fn facts(config: &Config, here: &Url, store: &Store) -> FactSource {
    FactSource {
        clock: store.clock(),
        timezone: config.server.timezone,
        brand: config.portal.brand.clone(),
        links: format!(
            "{}/v/",
            public_url(config, here).as_str().trim_end_matches('/')
        ),
    }
}

fn belief(config: &Config) -> Belief {
    Belief {
        keys: Keys {
            current: config.zenopay.key(),
            previous: config.zenopay.previous_api_key.clone(),
        },
        confirm: config.zenopay.confirm,
    }
}

fn limits(config: &Config) -> Limits {
    Limits {
        prompts_per_phone: config.limits.prompts_per_phone,
        unpaid_per_phone_day: config.limits.unpaid_per_phone_day,
        prompts_per_sec: config.limits.prompts_per_sec,
        resume: TimeDelta::seconds(i64::from(config.portal.resume_secs)),
    }
}
