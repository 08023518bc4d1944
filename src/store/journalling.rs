//! Deliveries that change nothing, journalled together: a thousand copies of a webhook are a
//! few inserts, and each copy is answered when its own row is durable.
//!
//! The rule that must not be broken: a row is durable, or whoever waits for it is told
//! otherwise. A row that the database refuses takes no other one with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use entities::webhook_deliveries;
use sea_orm::EntityTrait;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};

use super::deliveries::{self, DeliveryRecord};
use super::runtime::write_within;
use super::tx::{Transactions, roll_back};
use super::wedged::Wedged;
use super::{Store, StoreError};
use crate::domain::outcome::Outcome;
use crate::supervisor::{Supervisor, Task};

/// Rows in one insert at most. A group is a power of two, so that few texts are prepared.
const ROWS_MAX: usize = 32;
/// Inserts under way at a time: while one waits for the disk, the next one gathers.
const AT_ONCE: usize = 2;

/// A dead connection shows at once; what takes longer is a database that does not answer.
const STALE_WITHIN: Duration = Duration::from_millis(500);

/// Where lines wait for the next insert.
pub(super) struct JournalQueue {
    lines: mpsc::UnboundedSender<Line>,
}

struct Line {
    delivery: DeliveryRecord,
    outcome: Outcome,
    written: oneshot::Sender<Result<(), StoreError>>,
}

/// A delivery on its way into the journal.
pub struct Journalling {
    written: oneshot::Receiver<Result<(), StoreError>>,
}

impl Journalling {
    /// Waits until it is durable.
    ///
    /// # Errors
    /// The [`StoreError`]; the delivery must then not be acknowledged.
    pub async fn durable(self) -> Result<(), StoreError> {
        let lost = || StoreError::Panicked("the journal lost a line".to_owned());
        self.written.await.unwrap_or_else(|_| Err(lost()))
    }
}

impl Store {
    /// Hands a delivery that changes nothing to the journal, which writes it with others.
    pub fn journal_soon(&self, delivery: DeliveryRecord, outcome: Outcome) -> Journalling {
        self.inner.journal.add(delivery, outcome)
    }
}

impl JournalQueue {
    /// Opens it on the runtime to which the connections belong.
    pub fn open(
        transactions: Transactions,
        runtime: &Handle,
        wedged: Wedged,
        tasks: &Supervisor,
    ) -> Self {
        let (lines, waiting) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(waiting));
        tasks.run(runtime, Task::JournalQueue, move || {
            keep(transactions.clone(), wedged.clone(), waiting.clone())
        });
        Self { lines }
    }

    fn add(&self, delivery: DeliveryRecord, outcome: Outcome) -> Journalling {
        let (written, told) = oneshot::channel();
        let line = Line {
            delivery,
            outcome,
            written,
        };
        // If nobody keeps the queue any more, it is dropped, and so the answer is an error.
        drop(self.lines.send(line));
        Journalling { written: told }
    }
}

/// Writes what waits, group by group, as long as somebody can add to it.
async fn keep(
    transactions: Transactions,
    wedged: Wedged,
    waiting: Arc<Mutex<mpsc::UnboundedReceiver<Line>>>,
) {
    let mut waiting = waiting.lock().await;
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut lines = Vec::new();
    while !lines.is_empty() || waiting.recv_many(&mut lines, ROWS_MAX).await > 0 {
        let Ok(turn) = turns.clone().acquire_owned().await else {
            return;
        };
        while lines.len() < ROWS_MAX
            && let Ok(line) = waiting.try_recv()
        {
            lines.push(line);
        }
        let group: Vec<Line> = lines.drain(..1 << lines.len().ilog2()).collect();
        let (transactions, wedged) = (transactions.clone(), wedged.clone());
        tokio::spawn(async move {
            write(&transactions, &wedged, group).await;
            drop(turn);
        });
    }
}

/// Writes a group and tells each who waits for it.
async fn write(transactions: &Transactions, wedged: &Wedged, group: Vec<Line>) {
    let began = Instant::now();
    let mut written = write_within(wedged, insert(transactions, &group)).await;
    if matches!(written, Err(StoreError::Unavailable(_))) && began.elapsed() < STALE_WITHIN {
        // After a restart of PostgreSQL every old connection fails once, before anything is
        // written.
        written = write_within(wedged, insert(transactions, &group)).await;
    }
    if matches!(written, Err(StoreError::Aborted(_))) && group.len() > 1 {
        // One row has spoilt it for all.
        for line in group {
            let alone = insert(transactions, std::slice::from_ref(&line));
            let written = write_within(wedged, alone).await;
            line.tell(written);
        }
        return;
    }
    for line in group {
        line.tell(written.clone());
    }
}

async fn insert(transactions: &Transactions, lines: &[Line]) -> Result<(), StoreError> {
    let txn = transactions.begin().await?;
    let rows = lines
        .iter()
        .map(|line| deliveries::row(&line.delivery, line.outcome));
    let inserted = webhook_deliveries::Entity::insert_many(rows)
        .exec_without_returning(&*txn)
        .await;
    if let Err(error) = inserted {
        roll_back(txn).await;
        return Err(error.into());
    }
    txn.commit().await.map_err(StoreError::CommitUnknown)
}

impl Line {
    fn tell(self, written: Result<(), StoreError>) {
        // Whoever has gone does not wait for it any more.
        drop(self.written.send(written));
    }
}

#[cfg(test)]
mod tests;
