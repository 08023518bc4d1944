//! What the configuration says, made into the parts that it is about.

use std::sync::Arc;

use chrono::TimeDelta;
use url::Url;

use super::address::radius_address;
use crate::actors::order::facts::FactSource;
use crate::actors::{Orders, WebhookAuth};
use crate::checkout::Checkout;
use crate::config::{Config, Mode};
use crate::domain::catalog::admission::Limits;
use crate::gateways::zenopay::client::{Client, ClientError};
use crate::gateways::zenopay::proof::Keys;
use crate::http::Site;
use crate::jobs::relay;
use crate::jobs::relay::Relay;
use crate::jobs::relay::proofs::Proofs;
use crate::observability::metrics::Metrics;
use crate::sandbox::{Sandbox, SandboxError};
use crate::sms::{self, CarrierError};
use crate::store::Store;
use crate::supervisor::UnderWay;
use crate::timekeeper::Timekeeper;

pub(super) fn simulated(config: &Config, store: &Store) -> Result<Option<Sandbox>, SandboxError> {
    match config.zenopay.mode {
        Mode::Sandbox => {
            let key = config.zenopay.key();
            Sandbox::new(store.clone(), config.sandbox.clone(), key).map(Some)
        }
        Mode::Live => Ok(None),
    }
}

/// The real ZenoPay, or the one that we simulate on our own port.
pub(super) fn client(config: &Config, here: &Url) -> Result<Client, ClientError> {
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

pub(super) fn site(config: &Config, here: &Url) -> Site {
    Site {
        captive_portal: config.portal.on_site.then(|| public_url(config, here)),
        radius_address: radius_address(config),
    }
}

/// Only where there is a FreeRADIUS to ask.
pub(super) fn proofs(config: &Config, store: &Store, metrics: &Arc<Metrics>) -> Option<Proofs> {
    let radius = &config.radius;
    let (server, secret) = (radius.server?, radius.secret.clone()?);
    let per_min = radius.proofs_per_min;
    (per_min > 0).then(|| Proofs::new(store.clone(), server, secret, per_min, metrics.clone()))
}

pub(super) fn relay(
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

pub(super) fn checkout(
    config: &Config,
    here: &Url,
    orders: &Orders,
    store: &Store,
    client: Client,
    background: UnderWay,
) -> Checkout {
    Checkout {
        store: store.clone(),
        orders: orders.clone(),
        client,
        limits: limits(config),
        expire_after: TimeDelta::seconds(i64::from(config.orders.expire_after_secs)),
        public_url: public_url(config, here),
        background,
    }
}

pub(super) fn facts(config: &Config, here: &Url, store: &Store) -> FactSource {
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

pub(super) fn belief(config: &Config) -> WebhookAuth {
    WebhookAuth {
        keys: Keys {
            current: config.zenopay.key(),
            previous: config.zenopay.previous_api_key.clone(),
        },
        confirm: config.zenopay.confirm,
    }
}

pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        prompts_per_phone: config.limits.prompts_per_phone,
        unpaid_per_phone_day: config.limits.unpaid_per_phone_day,
        prompts_per_sec: config.limits.prompts_per_sec,
        resume: TimeDelta::seconds(i64::from(config.portal.resume_secs)),
    }
}
