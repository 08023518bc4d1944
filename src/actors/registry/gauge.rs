//! What others read of one order's actor: numbers for operators, and the webhook secret for `proof.rs`.
//! The actor records them as it works, so that reading them sends a busy actor no message.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::in_play::Passage;
use crate::domain::order::{Outcome, Payment, Status};
use crate::domain::people::Secret;

/// One actor's numbers.
pub struct Gauge {
    activated: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    busy: bool,
    handled: u64,
    /// `None` until the first message.
    last_used: Option<Instant>,
    last_outcome: Option<Outcome>,
    last_error: Option<String>,
    status: Option<Status>,
    /// The random part of the order's webhook URL, once the actor has read it.
    webhook_secret: Option<Secret>,
    /// When each message that is not handled yet was admitted, by its number.
    waiting: BTreeMap<u64, Instant>,
    admitted: u64,
}

/// The numbers of one actor at one moment.
#[derive(Clone, Debug)]
pub struct ActorView {
    /// The order's status, if the actor has read it.
    pub status: Option<Status>,
    /// Messages that wait beside the one being handled.
    pub mailbox_depth: usize,
    /// Messages handled so far.
    pub handled: u64,
    /// The outcome of the last one.
    pub last_outcome: Option<Outcome>,
    /// Time since the actor was started.
    pub age: Duration,
    /// Time since the last message was admitted or handled.
    pub idle: Duration,
    /// The age of the oldest message that is not handled yet.
    pub oldest_message: Duration,
    /// Whether a message is being handled.
    pub busy: bool,
    /// The last failure.
    pub last_error: Option<String>,
}

impl Gauge {
    pub(super) fn new() -> Self {
        Self {
            activated: Instant::now(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a message is being handled.
    pub(in crate::actors) fn begin(&self) {
        self.state().busy = true;
    }

    /// Notes the end of a message, and the order if it is known then.
    pub(in crate::actors) fn finish(
        &self,
        outcome: Result<Outcome, String>,
        known: Option<&Payment>,
    ) {
        let mut state = self.state();
        state.busy = false;
        state.handled += 1;
        match outcome {
            Ok(outcome) => state.last_outcome = Some(outcome),
            Err(error) => state.last_error = Some(error),
        }
        if let Some(payment) = known {
            state.status = Some(payment.status);
            state.webhook_secret = Some(payment.webhook_secret.clone());
        }
    }

    pub(super) fn webhook_secret(&self) -> Option<Secret> {
        self.state().webhook_secret.clone()
    }

    pub(super) fn is_idle_for(&self, idle: Duration) -> bool {
        self.idle(&self.state()) >= idle
    }

    fn idle(&self, state: &State) -> Duration {
        state.last_used.unwrap_or(self.activated).elapsed()
    }

    /// The numbers, for an actor with this many messages that are not handled yet.
    pub(in crate::actors) fn view(&self, messages: usize) -> ActorView {
        let state = self.state();
        let oldest = state.waiting.first_key_value();
        ActorView {
            status: state.status,
            mailbox_depth: messages.saturating_sub(usize::from(state.busy)),
            handled: state.handled,
            last_outcome: state.last_outcome,
            age: self.activated.elapsed(),
            idle: self.idle(&state),
            oldest_message: oldest.map_or(Duration::ZERO, |(_, admitted)| admitted.elapsed()),
            busy: state.busy,
            last_error: state.last_error.clone(),
        }
    }
}

/// The places of one message and its entry in the gauge. It travels with the message, and is
/// dropped when the message is handled, or lost with its actor.
pub(in crate::actors) struct Permit {
    gauge: Arc<Gauge>,
    number: u64,
    /// Dropped last: from then on the actor may be idle.
    _places: Passage,
}

impl Permit {
    pub(super) fn new(gauge: Arc<Gauge>, places: Passage) -> Self {
        let number = {
            let (mut state, now) = (gauge.state(), Instant::now());
            state.admitted += 1;
            state.last_used = Some(now);
            let number = state.admitted;
            state.waiting.insert(number, now);
            number
        };
        Self {
            gauge,
            number,
            _places: places,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.gauge.state();
        state.waiting.remove(&self.number);
        state.last_used = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::super::in_play::{InPlay, Room};
    use super::*;

    #[test]
    fn a_stuck_message_stays_the_oldest_when_a_later_one_leaves() {
        let room = Room {
            mailbox: 3,
            process: 3,
        };
        let in_play = InPlay::<u8, (), Gauge>::new(room);
        let gauge = Arc::new(Gauge::new());
        let admit = || {
            let place = in_play.enter().unwrap();
            let (_, gauge, places) = in_play.admit(1, place, || ((), gauge.clone())).unwrap();
            Permit::new(gauge, places)
        };
        let oldest = || {
            gauge
                .state()
                .waiting
                .first_key_value()
                .map(|(number, _)| *number)
        };

        let (stuck, later) = (admit(), admit());
        drop(later);

        assert_eq!(oldest(), Some(stuck.number));
        let depth = in_play.look(1, |gauge, messages| gauge.view(messages).mailbox_depth);
        assert_eq!(depth, Some(1));
        drop(stuck);
        assert_eq!(oldest(), None);
    }
}
