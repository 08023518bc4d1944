//! The doctor: tries everything that the server needs, on the path that guests, routers and ZenoPay
//! take, and says of each thing what is wrong and what to do.
//!
//! `malipo check` runs it at the terminal, and a job in the server runs it for the console's first page.
//! A [`Finding`] is one row. Each file has one subject: `settings`,
//! `database`, `gateway`, `front` (the public address), `listener`
//! (the running server), `proxies`, `radius`, `sms`, `storage`. `call` makes the HTTP calls, `job` is the loop of the server.
//!
//! # Invariants
//! - Nothing here moves money or changes an order. What is written (a RADIUS user, the names of calls)
//!   expires within a minute.
//! - A secret is sent only to ZenoPay, the SMS provider, FreeRADIUS and the loopback address.

use std::net::SocketAddr;

use crate::config::Config;
use crate::domain::health::Finding;
use crate::store::{Store, StoreError};

mod call;
mod database;
mod front;
mod gateway;
mod job;
mod listener;
mod proxies;
mod radius;
mod settings;
mod sms;
mod storage;

pub use front::Scope;
pub use job::DoctorJob;

use front::Front;

/// Tries everything that one configuration names.
#[derive(Clone)]
pub struct Doctor {
    config: Config,
    /// Where the server listens.
    listener: SocketAddr,
}

impl Doctor {
    /// A doctor for a server that listens at `listener`: `server.bind`, unless that leaves the port
    /// open.
    pub fn new(config: &Config, listener: SocketAddr) -> Self {
        let config = config.clone();
        Self { config, listener }
    }

    /// Tries everything and reports each finding as soon as it is known. `store` is the database, or
    /// why it could not be opened.
    pub async fn run(
        &self,
        store: Result<&Store, &StoreError>,
        scope: Scope,
        mut report: impl FnMut(Finding) + Send,
    ) {
        let config = &self.config;
        report(settings::config());
        report(settings::secrets(config));
        report(database::files(config));
        let reached = store.ok();
        match store {
            Ok(store) => {
                report(database::database(config, store).await);
                report(database::clock(config, store).await);
                report(sms::outbox(store).await);
            }
            Err(error) => report(database::unreachable(error)),
        }
        report(gateway::zenopay(config).await);
        let front = Front::look(config, self.listener, reached, scope).await;
        if let Some(finding) = listener::server(&front) {
            report(finding);
        }
        report(front.public_url().await);
        if let Some(finding) = listener::webhook(&front).await {
            report(finding);
        }
        report(front::webhook_path(&front).await);
        report(proxies::trusted(&front).await);
        report(proxies::forwarded_for(&front).await);
        report(radius::access(config, reached).await);
        if let Some(store) = reached {
            report(radius::routers(store).await);
            report(radius::accounting(store).await);
        }
        report(settings::login_hosts(config));
        report(sms::provider(config).await);
        report(storage::disk(config));
        if let Some(store) = reached {
            report(storage::backup(store).await);
        }
        if scope == Scope::Full {
            report(front::poll(&front).await);
        }
    }
}
