//! What operators see of one order actor: atomics that it leaves behind as it works, so
//! that looking never disturbs and a busy actor still answers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::in_play::Mailbox;
use super::places::Places;
use crate::domain::order::outcome::Outcome;
use crate::domain::order::payment::Status;
use crate::domain::people::secret::Secret;

const NONE: u8 = u8::MAX;

/// One actor's numbers.
pub struct Gauge {
    activated: Instant,
    /// Messages admitted and not yet done: waiting, and the one being handled.
    pending: Places,
    busy: AtomicBool,
    handled: AtomicU64,
    /// Milliseconds after `activated`.
    last_used_ms: AtomicU64,
    last_outcome: AtomicU8,
    status: AtomicU8,
    last_error: Mutex<Option<String>>,
    /// When the messages that are not yet done were admitted, oldest first.
    queue: Mutex<VecDeque<Instant>>,
    /// The random part of the order's webhook URL, once the actor has read it.
    webhook_secret: OnceLock<Secret>,
}

/// A look at one actor.
#[derive(Clone, Debug)]
pub struct ActorView {
    /// Where the order stands, if the actor has read it.
    pub status: Option<Status>,
    /// Messages that wait beside the one being handled.
    pub mailbox_depth: usize,
    /// Messages handled so far.
    pub handled: u64,
    /// What the last one meant.
    pub last_outcome: Option<Outcome>,
    /// Since it entered memory.
    pub age: Duration,
    /// Since it was last used.
    pub idle: Duration,
    /// How long the oldest message that is not done has been here.
    pub oldest_message: Duration,
    /// Whether a message is being handled.
    pub busy: bool,
    /// What last went wrong.
    pub last_error: Option<String>,
}

impl Gauge {
    pub(in crate::actors) fn new() -> Self {
        Self {
            activated: Instant::now(),
            pending: Places::new(),
            busy: AtomicBool::new(false),
            handled: AtomicU64::new(0),
            last_used_ms: AtomicU64::new(0),
            last_outcome: AtomicU8::new(NONE),
            status: AtomicU8::new(NONE),
            last_error: Mutex::new(None),
            queue: Mutex::new(VecDeque::new()),
            webhook_secret: OnceLock::new(),
        }
    }

    pub(in crate::actors) fn begin(&self) {
        self.busy.store(true, Ordering::Relaxed);
    }

    pub(in crate::actors) fn finish(&self, outcome: Option<Outcome>, status: Option<Status>) {
        self.busy.store(false, Ordering::Relaxed);
        self.handled.fetch_add(1, Ordering::Relaxed);
        if let Some(index) = index_of(&Outcome::ALL, outcome) {
            self.last_outcome.store(index, Ordering::Relaxed);
        }
        if let Some(index) = index_of(&Status::ALL, status) {
            self.status.store(index, Ordering::Relaxed);
        }
    }

    pub(in crate::actors) fn failed(&self, error: String) {
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub(in crate::actors) fn knows_secret(&self, secret: &Secret) {
        // Never changes in the life of an order.
        let _ = self.webhook_secret.set(secret.clone());
    }

    pub(in crate::actors) fn webhook_secret(&self) -> Option<Secret> {
        self.webhook_secret.get().cloned()
    }

    /// A look at the numbers.
    pub fn view(&self) -> ActorView {
        let busy = self.busy.load(Ordering::Relaxed);
        let pending = self.pending.taken();
        let oldest = self
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .front()
            .copied();
        ActorView {
            status: at(&Status::ALL, self.status.load(Ordering::Relaxed)),
            mailbox_depth: pending.saturating_sub(usize::from(busy)),
            handled: self.handled.load(Ordering::Relaxed),
            last_outcome: at(&Outcome::ALL, self.last_outcome.load(Ordering::Relaxed)),
            age: self.activated.elapsed(),
            idle: self.idle(),
            oldest_message: oldest.map_or(Duration::ZERO, |admitted| admitted.elapsed()),
            busy,
            last_error: self
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    fn idle(&self) -> Duration {
        let last_used = Duration::from_millis(self.last_used_ms.load(Ordering::Relaxed));
        self.activated.elapsed().saturating_sub(last_used)
    }

    fn touch(&self) {
        let now = u64::try_from(self.activated.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_used_ms.store(now, Ordering::Relaxed);
    }
}

impl Mailbox for Gauge {
    fn enter(&self, places: usize) -> bool {
        let entered = self.pending.take(places);
        if entered {
            self.touch();
            self.queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_back(Instant::now());
        }
        entered
    }

    fn leave(&self) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        // Before the place is given back: from then on the actor may be idle.
        self.touch();
        self.pending.give_back();
    }

    fn is_idle_for(&self, idle: Duration) -> bool {
        self.pending.taken() == 0 && self.idle() >= idle
    }
}

fn index_of<T: PartialEq>(all: &[T], wanted: Option<T>) -> Option<u8> {
    let wanted = wanted?;
    all.iter()
        .position(|one| *one == wanted)
        .and_then(|index| u8::try_from(index).ok())
}

fn at<T: Copy>(all: &[T], index: u8) -> Option<T> {
    all.get(usize::from(index)).copied()
}
