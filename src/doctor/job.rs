//! The server's own run of the doctor, for the console's first page.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::{Doctor, Scope};
use crate::domain::health::CheckRun;
use crate::store::Store;

/// Between two runs, so that with the time of a run the last one is never older than 15 minutes. Each
/// run calls ZenoPay and the SMS provider, so it is not made more often.
const INTERVAL: Duration = Duration::from_secs(12 * 60);
/// The first run waits until the server has settled, unless an operator looks.
const FIRST_AFTER: Duration = Duration::from_secs(60);
/// A run that takes longer is given up: each of its calls has a limit that is much shorter.
const RUN_WITHIN: Duration = Duration::from_secs(120);

/// The loop.
#[derive(Clone)]
pub struct DoctorJob {
    /// What it tries.
    pub doctor: Doctor,
    /// The database.
    pub store: Store,
    /// Gets each run.
    pub last: Arc<watch::Sender<Option<CheckRun>>>,
    /// Asks for the first run.
    pub wanted: Arc<Notify>,
}

impl DoctorJob {
    /// Runs until stopped, which may drop it at any await.
    pub async fn run(self) {
        if self.last.borrow().is_none() {
            // Either way it is time.
            let _ = timeout(FIRST_AFTER, self.wanted.notified()).await;
        }
        loop {
            self.run_once().await;
            sleep(INTERVAL).await;
        }
    }

    /// One run. One that takes too long keeps what it has found.
    pub async fn run_once(&self) {
        let mut findings = Vec::new();
        let report = |finding| findings.push(finding);
        let run = self.doctor.run(Ok(&self.store), Scope::Server, report);
        let is_whole = timeout(RUN_WITHIN, run).await.is_ok();
        if !is_whole {
            tracing::warn!("the checks for the console did not end in time");
        }
        let at = self.store.clock().now();
        self.last.send_replace(Some(CheckRun { at, findings }));
    }
}
