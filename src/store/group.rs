//! SQLite: one commit for all who write at the same moment. There is one connection that
//! writes, and a commit waits for the disk; so its transaction goes from hand to hand, each
//! **member** of the **group** writes behind a savepoint of its own, and the commit at the
//! end is everybody's. Who is alone gets a whole transaction and waits for nobody.
//!
//! The rule that must not be broken: nobody answers before the group's commit, also not who
//! rolled back, for it may have seen what another member wrote. If that commit fails, nobody
//! knows of anything, and all are told so.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sea_orm::{ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

use super::connect::ACQUIRE_TIMEOUT;
use super::tx;
use crate::supervisor::{Supervisor, Task};

/// A group with so many members commits, whoever else waits.
const MEMBERS_MAX: usize = 64;
/// A group that is open for so long commits: its first member waits for it.
const OPEN_FOR: Duration = Duration::from_millis(50);

/// Where whoever wants to write asks for a turn. Its keeper ends with the last clone.
#[derive(Clone)]
pub(super) struct Door {
    asks: mpsc::UnboundedSender<Ask>,
}

struct Ask {
    /// Whether it waits no more. Whoever sets it first decides: the keeper, that it is this one's
    /// turn, or the one who asks, that it has waited long enough.
    is_over: Arc<AtomicBool>,
    turn: oneshot::Sender<Result<Member, DbErr>>,
}

/// One whose turn it is to write.
pub(super) struct Member {
    /// In hand until the end, and so is the way back.
    in_hand: Option<(DatabaseTransaction, oneshot::Sender<Returned>)>,
    fate: oneshot::Receiver<Fate>,
}

/// The transaction, given back.
struct Returned {
    txn: DatabaseTransaction,
    /// Whether what the member wrote is to stay.
    is_kept: bool,
}

/// What became of the group: committed, or why that is not known.
type Fate = Result<(), String>;

impl Door {
    /// Opens it, on the runtime to which the connection belongs.
    pub fn open(writer: DatabaseConnection, runtime: &Handle, tasks: &Supervisor) -> Self {
        let (asks, asked) = mpsc::unbounded_channel();
        let asked = Arc::new(Mutex::new(asked));
        tasks.run(runtime, Task::SqliteWriter, move || {
            keep(writer.clone(), asked.clone())
        });
        Self { asks }
    }

    /// Waits for a turn, but not for long.
    pub async fn enter(&self) -> Result<Member, DbErr> {
        let is_over = Arc::new(AtomicBool::new(false));
        let (turn, mut my_turn) = oneshot::channel();
        let ask = Ask {
            is_over: is_over.clone(),
            turn,
        };
        // If nobody keeps the door any more, it is dropped, and so the answer is an error.
        drop(self.asks.send(ask));
        let turn = match timeout(ACQUIRE_TIMEOUT, &mut my_turn).await {
            Ok(turn) => turn,
            Err(_) if !is_over.swap(true, Ordering::SeqCst) => {
                return Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));
            }
            // The database takes its time to begin.
            Err(_) => my_turn.await,
        };
        turn.unwrap_or(Err(DbErr::ConnectionAcquire(
            ConnAcquireErr::ConnectionClosed,
        )))
    }
}

impl Ask {
    /// Whether it still waits. From then on it waits for its turn, however long that takes.
    fn still_waits(&self) -> bool {
        !self.is_over.swap(true, Ordering::SeqCst)
    }
}

impl Member {
    /// Keeps what was written, and returns when the group's commit has made it durable. An
    /// error does not tell whether it is.
    pub async fn commit(mut self) -> Result<(), DbErr> {
        self.give_back(true);
        match (&mut self.fate).await {
            Ok(fate) => fate.map_err(DbErr::Custom),
            Err(_) => Err(DbErr::Custom("nobody keeps the group".to_owned())),
        }
    }

    /// Undoes what was written, and returns when the group has ended.
    pub async fn roll_back(mut self) {
        self.give_back(false);
        // However it ended.
        drop((&mut self.fate).await);
    }

    fn give_back(&mut self, is_kept: bool) {
        if let Some((txn, back)) = self.in_hand.take() {
            drop(back.send(Returned { txn, is_kept }));
        }
    }
}

impl Deref for Member {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        let (txn, _) = self.in_hand.as_ref().expect("in hand until the end");
        txn
    }
}

impl Drop for Member {
    /// Of one who panicked or was given up. A statement of it may still run: the driver
    /// comes to the end of that before it undoes it.
    fn drop(&mut self) {
        self.give_back(false);
    }
}

/// Keeps one group after the other, as long as somebody can ask.
async fn keep(writer: DatabaseConnection, asked: Arc<Mutex<mpsc::UnboundedReceiver<Ask>>>) {
    let mut asked = asked.lock().await;
    while let Some(ask) = asked.recv().await {
        if !ask.still_waits() {
            continue;
        }
        match tx::begin(&writer).await {
            Ok(txn) => {
                let mut group = Group::open();
                let ended = group.run(txn, ask, &mut asked).await;
                group.tell(&ended.map_err(|error| error.to_string()));
            }
            Err(error) => drop(ask.turn.send(Err(error))),
        }
    }
}

/// Those who write in one transaction.
struct Group {
    opened: Instant,
    members: Vec<oneshot::Sender<Fate>>,
    undo: Undo,
}

/// What undoes the next member, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undo {
    /// The end of the transaction: nobody else has written in it.
    Everything,
    /// Nothing yet, and there is no savepoint.
    Unmarked,
    /// Nothing yet, and there is a savepoint in front of what is to stay.
    Outdated,
    /// Going back to the savepoint: nothing was written since.
    ToHere,
}

impl Group {
    fn open() -> Self {
        Self {
            opened: Instant::now(),
            members: Vec::new(),
            undo: Undo::Everything,
        }
    }

    /// Lets the first write and whoever asks meanwhile, one after the other, and commits.
    async fn run(
        &mut self,
        mut txn: DatabaseTransaction,
        first: Ask,
        asked: &mut mpsc::UnboundedReceiver<Ask>,
    ) -> Result<(), DbErr> {
        let mut next = Some(first);
        while let Some(ask) = next {
            self.mark(&txn).await?;
            let returned = self.lend(txn, ask).await?;
            txn = returned.txn;
            match (self.undo, returned.is_kept) {
                (Undo::Everything, false) => return txn.rollback().await,
                (Undo::Everything, true) => self.undo = Undo::Unmarked,
                (_, true) => self.undo = Undo::Outdated,
                // It fails if the database has ended the transaction by itself, as on a
                // full disk; then nobody's rows are there, and nobody is told otherwise.
                (_, false) => {
                    txn.execute_unprepared("ROLLBACK TO member").await?;
                }
            }
            next = self.next_of(asked);
        }
        txn.commit().await
    }

    /// Marks where to go back to if the next member fails.
    async fn mark(&mut self, txn: &DatabaseTransaction) -> Result<(), DbErr> {
        let mark = match self.undo {
            Undo::Everything | Undo::ToHere => return Ok(()),
            Undo::Unmarked => "SAVEPOINT member",
            Undo::Outdated => "RELEASE member; SAVEPOINT member",
        };
        txn.execute_unprepared(mark).await?;
        self.undo = Undo::ToHere;
        Ok(())
    }

    /// Hands the transaction out and waits until it is given back.
    async fn lend(&mut self, txn: DatabaseTransaction, ask: Ask) -> Result<Returned, DbErr> {
        let (back, returned) = oneshot::channel();
        let (teller, fate) = oneshot::channel();
        self.members.push(teller);
        let member = Member {
            in_hand: Some((txn, back)),
            fate,
        };
        // Who has left meanwhile is dropped, and so gives it back too.
        drop(ask.turn.send(Ok(member)));
        returned
            .await
            .map_err(|_| DbErr::Custom("a member kept the transaction".to_owned()))
    }

    fn next_of(&self, asked: &mut mpsc::UnboundedReceiver<Ask>) -> Option<Ask> {
        while self.members.len() < MEMBERS_MAX && self.opened.elapsed() < OPEN_FOR {
            let ask = asked.try_recv().ok()?;
            if ask.still_waits() {
                return Some(ask);
            }
        }
        None
    }

    fn tell(self, fate: &Fate) {
        for member in self.members {
            // Who was given up does not listen any more.
            drop(member.send(fate.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
