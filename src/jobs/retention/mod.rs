//! Retention: after `retention.bodies_days` the bodies of webhooks leave the journal, a small batch at
//! a time, into an archive if there is one. The decisions stay. What operators have left behind, such as
//! sessions that have ended, is deleted too.
//!
//! # Invariants
//! With an archive, a body is deleted only after the file that has it is synced to disk.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::RetentionConfig;
use crate::domain::people::Phone;
use crate::store::{Erasure, Store, StoreError};

pub mod archive;

/// The pause between two rounds.
const ROUND_PAUSE: Duration = Duration::from_secs(3_600);
/// The pause between two batches, so that sales are not delayed.
const BATCH_PAUSE: Duration = Duration::from_millis(100);
/// Rows a batch.
const BATCH: u64 = 500;

/// Why a round ended early; the rest is for the next one.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The journal cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive cannot be written, so nothing was deleted.
    #[error("retention.archive_dir cannot be written: {0}")]
    Archive(#[from] io::Error),
}

/// The loop.
#[derive(Clone)]
pub struct Retention {
    store: Store,
    bodies: Option<TimeDelta>,
    archive: Option<PathBuf>,
    /// Held while a batch moves into the archive, so that an erasure misses none that is under way.
    moving: Arc<Mutex<()>>,
}

impl Retention {
    /// A retention job with the limits of the configuration.
    pub fn new(store: Store, config: &RetentionConfig) -> Self {
        let days = i64::from(config.bodies_days);
        Self {
            store,
            bodies: (days > 0).then(|| TimeDelta::days(days)),
            archive: config.archive_dir.clone(),
            moving: Arc::default(),
        }
    }

    /// Runs until stopped.
    pub async fn run(self, stop: CancellationToken) {
        // The first round reads the journal from its beginning, later rounds from where it stopped.
        let mut reached = 0;
        loop {
            match stop
                .run_until_cancelled(self.store.forget_old_access())
                .await
            {
                None => return,
                Some(Ok(_)) => {}
                Some(Err(error)) => warn!(%error, "old sessions could not be deleted"),
            }
            match stop.run_until_cancelled(self.run_once(&mut reached)).await {
                None => return,
                Some(Ok(0)) => {}
                Some(Ok(forgotten)) => info!(forgotten, "bodies of old webhooks left the journal"),
                Some(Err(error)) => warn!(%error, "bodies of old webhooks could not be deleted"),
            }
            if stop.run_until_cancelled(sleep(ROUND_PAUSE)).await.is_none() {
                return;
            }
        }
    }

    /// One round over the rows after `reached`, which is advanced; returns how many bodies were deleted.
    ///
    /// # Errors
    /// If the journal or the archive cannot be read or written; the rest is for the next round.
    pub async fn run_once(&self, reached: &mut i64) -> Result<u64, RetentionError> {
        let Some(bodies) = self.bodies else {
            return Ok(0);
        };
        let before = self.store.clock().now() - bodies;
        let mut forgotten = 0;
        loop {
            let moving = self.moving.lock().await;
            let Some((numbers, last)) = self.batch(*reached, before).await? else {
                break;
            };
            if !numbers.is_empty() {
                forgotten += self.store.forget_bodies(numbers).await?;
            }
            *reached = last;
            drop(moving);
            sleep(BATCH_PAUSE).await;
        }
        Ok(forgotten)
    }

    /// Erases a customer: from the database first, and then from the archive.
    ///
    /// # Errors
    /// If the database cannot be written or the archive cannot be read, nothing is erased; if the archive
    /// cannot be written, only the archive still has the customer, and another attempt erases them there.
    pub async fn erase_customer(
        &self,
        phone: Phone,
        operator: String,
        reason: String,
    ) -> Result<Erasure, RetentionError> {
        let _moving = self.moving.lock().await;
        let person = self.store.person(&phone).await?;
        let orders = self.store.orders_of_phone(&phone).await?;
        let orders: HashSet<String> = orders.iter().map(ToString::to_string).collect();
        let archive = self.archive.clone().filter(|folder| folder.exists());
        let mut named = 0;
        if let Some(folder) = archive.clone() {
            let (person, orders) = (person.clone(), orders.clone());
            let counted = spawn_blocking(move || archive::named(&folder, &person, &orders)).await;
            named = counted.map_err(io::Error::other)??;
        }
        let store = &self.store;
        let done = store.erase_customer(phone, operator, reason, named).await?;
        if let (Erasure::Done(erased), Some(folder)) = (done, archive) {
            let person = match erased.common_names {
                0 => person,
                _ => person.without_names(),
            };
            let erased = spawn_blocking(move || archive::forget(&folder, &person, &orders)).await;
            let bodies = erased.map_err(io::Error::other)??;
            info!(bodies, "a customer was erased from the archive");
        }
        Ok(done)
    }

    /// The next rows whose bodies may be deleted, because they are in the archive if there is one, and
    /// the last row that was read.
    async fn batch(
        &self,
        after: i64,
        before: DateTime<Utc>,
    ) -> Result<Option<(Vec<i64>, i64)>, RetentionError> {
        let mut old = self.store.old_deliveries(after, before, BATCH).await?;
        let Some(last) = old.last().map(|delivery| delivery.id) else {
            return Ok(None);
        };
        old.retain(|delivery| !delivery.body.is_empty());
        let numbers = old.iter().map(|delivery| delivery.id).collect();
        if let Some(folder) = self.archive.clone() {
            let written = spawn_blocking(move || archive::write(&folder, &old)).await;
            written.map_err(io::Error::other)??;
        }
        Ok(Some((numbers, last)))
    }
}
