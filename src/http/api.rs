//! The state that all handlers share, and the values in it that belong to no other module.
//!
//! Handlers depend on this file; the routes (`http/mod.rs`) depend on the handlers.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::auth::Gate;
use super::client::Clients;
use super::front_door::FrontDoor;
use super::readiness::Readiness;
use crate::actors::Orders;
use crate::actors::status::StatusBoard;
use crate::checkout::Checkout;
use crate::domain::health::CheckRun;
use crate::domain::people::Secret;
use crate::jobs::reconciler::Reconciler;
use crate::jobs::retention::Retention;
use crate::observability::metrics::Metrics;
use crate::store::{Overview, Store};
use crate::supervisor::Supervisor;
use crate::web::Shop;

/// Base of the paths of the portal and of ZenoPay.
pub(super) const PORTAL: &str = "/api/v1/customer-portal";
/// Base of the paths of operators.
pub(super) const OPERATOR: &str = "/api/v1/operator";
/// Event streams of operators in the whole process.
pub const STREAMS_MAX: usize = 32;
/// Guests in the whole process whose SMS are being queued again.
pub const HELPED_MAX: usize = 256;
/// Most samples in the history: five minutes, one every three seconds.
pub(super) const HISTORY_MAX: usize = 100;

/// The shared state of the handlers. Cheap to clone: each worker has a clone.
#[derive(Clone)]
pub struct Api {
    pub store: Store,
    pub orders: Orders,
    /// Erases customers, also from the archive.
    pub retention: Retention,
    /// Completes the long polls.
    pub status: StatusBoard,
    pub checkout: Checkout,
    pub reconciler: Reconciler,
    /// Counts of open orders and messages, refreshed periodically.
    pub overview: watch::Receiver<Overview>,
    pub metrics: Arc<Metrics>,
    /// Knows which background tasks have failed.
    pub supervisor: Supervisor,
    /// Cancelled when the server stops.
    pub draining: CancellationToken,
    /// Authenticates operators.
    pub gate: Gate,
    /// What the database said lately.
    pub readiness: Readiness,
    /// Permits for the event streams of operators.
    pub live_streams: Arc<Semaphore>,
    /// Permits for what is done for guests after their answer.
    pub helping: Arc<Semaphore>,
    /// `sandbox` or `live`.
    pub mode: &'static str,
    /// The name of this process among those that share the database.
    pub instance: Arc<str>,
    /// When the process started.
    pub started: Instant,
    /// The longest wait of one poll.
    pub wait_max: Duration,
    /// Origins whose pages may use the portal's API and forms.
    pub allowed_origins: Arc<[String]>,
    /// Clients by address, and their rate limits.
    pub clients: Clients,
    /// Mistakes in what stands in front of the server.
    pub front_door: Arc<FrontDoor>,
    /// The last minutes of the metrics, for charts.
    pub history: History,
    /// What the doctor found last.
    pub checks: Checks,
    /// What pages show of the shop.
    pub shop: Arc<Shop>,
    /// Where the day of a report begins and ends.
    pub timezone: chrono_tz::Tz,
    pub site: Arc<Site>,
}

/// Addresses in the network of the hotspot.
pub struct Site {
    /// The `user-portal-url` of RFC 8908. `None` outside the hotspot, where the address of a
    /// request does not identify a device.
    pub captive_portal: Option<url::Url>,
    /// The address of FreeRADIUS for routers, if it is known.
    pub radius_address: Option<String>,
    /// FreeRADIUS's address for this process, and the secret for it.
    pub radius: Option<SocketAddr>,
    pub radius_secret: Option<Secret>,
    /// The page that a printed voucher's QR code opens, with the code in the fragment, which no browser
    /// sends to a server. `None` without `server.public_url`: a card outlives the address of today.
    pub voucher_page: Option<url::Url>,
}

/// The doctor's last run, which a job of its own makes. Cheap to clone.
#[derive(Clone)]
pub struct Checks {
    /// `None` before the first run.
    pub last: watch::Receiver<Option<CheckRun>>,
    /// Has the job make the first run at once.
    pub wanted: Arc<Notify>,
}

/// The last minutes of the metrics, so that the live page shows charts at once. Cheap to clone.
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<VecDeque<Arc<str>>>>);

impl History {
    /// A JSON array of the documents, oldest first.
    pub fn json(&self) -> String {
        let documents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let documents: Vec<Arc<str>> = documents.iter().cloned().collect();
        format!("[{}]", documents.join(","))
    }

    /// Adds a JSON document, and drops the oldest one when there are too many.
    pub fn push(&self, document: String) {
        let mut documents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if documents.len() == HISTORY_MAX {
            documents.pop_front();
        }
        documents.push_back(document.into());
    }
}
