//! Other processes on the same PostgreSQL: what they commit wakes our waiters, and what we
//! commit wakes theirs.
//!
//! The rule that must not be broken: nudge and poll, and never trust the nudge. LISTEN and
//! NOTIFY make it quick; one question a second about all watched orders makes it sure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use super::status::{Notice, StatusBoard};
use crate::domain::ids::OrderId;
use crate::store::{Heard, Store, StoreError};

/// The safety net.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Notices of ours that may wait to be told; more are left to the others' safety net.
pub const BACKLOG: usize = 10_000;

/// Our notices on their way out: order and committed version.
pub type Outgoing = mpsc::Receiver<(OrderId, i32)>;

/// The ties to other processes.
pub struct Neighbours {
    store: Store,
    board: StatusBoard,
    /// Names this process in what it tells.
    teller: Uuid,
}

impl Neighbours {
    /// Ties to whoever shares these books.
    pub fn new(store: Store, board: StatusBoard) -> Self {
        Self {
            store,
            board,
            teller: Uuid::new_v4(),
        }
    }

    /// Tells and hears until stopped. Books that nobody shares need neither.
    pub async fn run(self, outgoing: Outgoing, stop: CancellationToken) {
        if !self.store.is_shared() {
            return;
        }
        let neighbours = Arc::new(self);
        let telling = tokio::spawn(neighbours.clone().tell(outgoing));
        let _ = stop.run_until_cancelled(neighbours.hear()).await;
        telling.abort();
    }

    /// Everything that waits goes into one announcement: alone it goes at once, in a crowd
    /// together.
    async fn tell(self: Arc<Self>, mut outgoing: Outgoing) {
        let mut batch = Vec::new();
        while outgoing.recv_many(&mut batch, BACKLOG).await > 0 {
            let notices = std::mem::take(&mut batch);
            if let Err(error) = self.store.announce(self.teller, notices).await {
                warn!(%error, "other processes are not told; they find out by themselves");
            }
        }
    }

    async fn hear(&self) {
        let mut heard = self.store.listen(self.teller);
        let mut look_again = interval(LOOK_AGAIN);
        look_again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let looked = tokio::select! {
                news = heard.recv() => match news {
                    Some(Heard::Changed(notices)) => self.follow(notices.into_iter().collect()).await,
                    Some(Heard::Lost) => self.look_at_all().await,
                    // Ends with the store, and so do we.
                    None => return,
                },
                _ = look_again.tick() => self.look_at_all().await,
            };
            if let Err(error) = looked {
                warn!(%error, "watched orders cannot be read; trying again");
            }
        }
    }

    async fn look_at_all(&self) -> Result<(), StoreError> {
        let watched = self.board.watched().await;
        if watched.is_empty() {
            return Ok(());
        }
        let versions = self
            .store
            .versions(watched.keys().copied().collect())
            .await?;
        self.wake(&watched, &versions).await
    }

    async fn follow(&self, notices: HashMap<OrderId, i32>) -> Result<(), StoreError> {
        let watched = self.board.watched().await;
        self.wake(&watched, &notices).await
    }

    /// Reads the orders that somebody waits for and that are newer than what is known here,
    /// once for all their waiters.
    async fn wake(
        &self,
        watched: &HashMap<OrderId, i32>,
        versions: &HashMap<OrderId, i32>,
    ) -> Result<(), StoreError> {
        let newer: Vec<OrderId> = watched
            .iter()
            .filter(|(order_id, known)| versions.get(order_id).is_some_and(|now| now > known))
            .map(|(order_id, _)| *order_id)
            .collect();
        if newer.is_empty() {
            return Ok(());
        }
        let committed = Instant::now();
        for payment in self.store.load_many(newer).await? {
            self.board.publish_here(Notice {
                payment: Arc::new(payment),
                committed,
            });
        }
        Ok(())
    }
}
