//! The parts of the server, made from the configuration.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Semaphore;
use url::Url;

use super::connections::Capacity;
use crate::actors::Orders;
use crate::actors::order::facts::FactSource;
use crate::checkout::Checkout;
use crate::config::{Config, Mode};
use crate::domain::catalog::Limits;
use crate::gateways::zenopay::client::{Client, ClientError};
use crate::http::Site;
use crate::jobs::clock_watch::ClockWatch;
use crate::jobs::relay::proofs::VoucherTests;
use crate::jobs::relay::{Relay, RelayContext};
use crate::observability::metrics::Metrics;
use crate::sms;
use crate::store::Store;
use crate::supervisor::BackgroundTasks;
use crate::timekeeper::Timekeeper;

/// The client of ZenoPay, or of the simulation on our own port.
pub(super) fn client(config: &Config, here: &Url) -> Result<Client, ClientError> {
    let base_url = match config.zenopay.mode {
        Mode::Live => config.zenopay.base_url.clone(),
        Mode::Sandbox => here.join("/sandbox").expect("a path joins every http URL"),
    };
    let create_timeout = Duration::from_millis(config.zenopay.create_timeout_ms);
    Client::new(base_url, config.zenopay.key(), create_timeout)
}

pub(super) fn site(config: &Config, here: &Url) -> Site {
    Site {
        captive_portal: config.portal.on_site.then(|| public_url(config, here)),
        radius_address: radius_address(config),
        radius: config.radius.server,
        radius_secret: config.radius.secret.clone(),
        voucher_page: voucher_page(config),
    }
}

fn voucher_page(config: &Config) -> Option<Url> {
    let page = config.server.public_url.as_ref()?.join("/voucher");
    Some(page.expect("a path joins every http URL"))
}

/// Only the real ZenoPay has a clock of its own.
pub(super) fn clock_watch(config: &Config, store: &Store, client: &Client) -> ClockWatch {
    let is_live = config.zenopay.mode == Mode::Live;
    ClockWatch {
        store: store.clone(),
        gateway: is_live.then(|| client.clone()),
        expire_after: expire_after(config),
    }
}

fn expire_after(config: &Config) -> TimeDelta {
    TimeDelta::seconds(i64::from(config.orders.expire_after_secs))
}

/// `None` without a FreeRADIUS to ask.
pub(super) fn voucher_tests(
    config: &Config,
    store: &Store,
    metrics: &Arc<Metrics>,
) -> Option<VoucherTests> {
    let radius = &config.radius;
    let (server, secret) = (radius.server?, radius.secret.clone()?);
    let interval = Duration::from_secs(60).checked_div(radius.proofs_per_min)?;
    Some(VoucherTests {
        store: store.clone(),
        server,
        secret,
        interval,
        metrics: metrics.clone(),
        tests: Arc::default(),
    })
}

pub(super) fn relay(
    config: &Config,
    store: &Store,
    timekeeper: Timekeeper,
    metrics: &Arc<Metrics>,
) -> reqwest::Result<Relay> {
    let carrier = sms::carrier(&config.sms, config.zenopay.key(), config.zenopay.mode)?;
    Ok(Relay::new(RelayContext {
        store: store.clone(),
        carrier,
        attempts_max: config.sms.attempts_max,
        timekeeper,
        metrics: metrics.clone(),
    }))
}

/// The address for guests and ZenoPay.
fn public_url(config: &Config, here: &Url) -> Url {
    let public_url = config.server.public_url.clone();
    public_url.unwrap_or_else(|| here.clone())
}

pub(super) fn checkout(
    config: &Config,
    here: &Url,
    orders: &Orders,
    store: &Store,
    client: Client,
    background: BackgroundTasks,
) -> Checkout {
    Checkout {
        store: store.clone(),
        orders: orders.clone(),
        client,
        limits: Limits {
            prompts_per_phone: config.limits.prompts_per_phone,
            unpaid_per_phone_day: config.limits.unpaid_per_phone_day,
            prompts_per_sec: config.limits.prompts_per_sec,
            resume: TimeDelta::seconds(i64::from(config.portal.resume_secs)),
        },
        expire_after: expire_after(config),
        public_url: public_url(config, here),
        background,
        places: Arc::new(Semaphore::new(Capacity::of_process().pushes)),
    }
}

pub(super) fn facts(config: &Config, here: &Url, store: &Store) -> FactSource {
    FactSource {
        clock: store.clock(),
        timezone: config.server.timezone,
        brand: config.portal.brand.clone(),
        link_base: format!(
            "{}/v/",
            public_url(config, here).as_str().trim_end_matches('/')
        ),
    }
}

/// FreeRADIUS's address for routers: the configured one, or this machine's public name if that is a
/// loopback or missing address.
pub fn radius_address(config: &Config) -> Option<String> {
    let server = config.radius.server.map(|server| server.ip());
    let elsewhere = server.filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    elsewhere.map(|ip| ip.to_string()).or_else(|| {
        let host = config.server.public_url.as_ref()?.host_str()?;
        let is_here = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        (!is_here).then(|| host.to_owned())
    })
}
