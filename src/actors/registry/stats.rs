//! What others read of one order's actor: numbers for operators, and the webhook secret for `proof.rs`.
//! The actor records them as it works, so that reading them sends a busy actor no message.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::active_orders::MessagePermits;
use crate::domain::order::{Outcome, Payment, Status};
use crate::domain::people::Secret;

/// One actor's numbers, and the webhook secret of its order.
pub struct ActorStats {
    activated: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Without the values that depend on the moment.
    view: ActorView,
    /// `None` until the first message.
    last_used: Option<Instant>,
    /// The random part of the order's webhook URL, once the actor has read it.
    webhook_secret: Option<Secret>,
    /// When each message that is not handled yet was admitted, by its number.
    waiting: BTreeMap<u64, Instant>,
    admitted: u64,
}

/// The numbers of one actor at one moment.
#[derive(Clone, Debug, Default)]
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

impl ActorStats {
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
        self.state().view.busy = true;
    }

    /// Notes the end of a message, and the order as it is then.
    pub(in crate::actors) fn finish(&self, result: Result<(Outcome, &Payment), String>) {
        let mut state = self.state();
        state.view.busy = false;
        state.view.handled += 1;
        match result {
            Ok((outcome, payment)) => {
                state.view.last_outcome = Some(outcome);
                state.view.status = Some(payment.status);
                state.webhook_secret = Some(payment.webhook_secret.clone());
            }
            Err(error) => state.view.last_error = Some(error),
        }
    }

    pub(super) fn webhook_secret(&self) -> Option<Secret> {
        self.state().webhook_secret.clone()
    }

    pub(in crate::actors) fn is_idle_for(&self, idle: Duration) -> bool {
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
            mailbox_depth: messages.saturating_sub(usize::from(state.view.busy)),
            age: self.activated.elapsed(),
            idle: self.idle(&state),
            oldest_message: oldest.map_or(Duration::ZERO, |(_, admitted)| admitted.elapsed()),
            ..state.view.clone()
        }
    }
}

/// The places of one message and its entry in the stats. It travels with the message, and is
/// dropped when the message is handled, or lost with its actor.
pub(in crate::actors) struct Permit {
    stats: Arc<ActorStats>,
    number: u64,
    /// Dropped last: from then on the actor may be idle.
    _places: MessagePermits,
}

impl Permit {
    pub(super) fn new(stats: Arc<ActorStats>, places: MessagePermits) -> Self {
        let (mut state, now) = (stats.state(), Instant::now());
        state.admitted += 1;
        state.last_used = Some(now);
        let number = state.admitted;
        state.waiting.insert(number, now);
        drop(state);
        Self {
            stats,
            number,
            _places: places,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.stats.state();
        state.waiting.remove(&self.number);
        state.last_used = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::super::active_orders::{ActiveOrders, Limits};
    use super::*;

    #[test]
    fn a_stuck_message_stays_the_oldest_when_a_later_one_leaves() {
        let limits = Limits {
            mailbox: 3,
            process: 3,
        };
        let active_orders = ActiveOrders::<u8, (), ActorStats>::new(limits);
        let stats = Arc::new(ActorStats::new());
        let admit = || {
            let place = active_orders.try_enter().unwrap();
            let (_, stats, places) = active_orders
                .admit(1, place, || ((), stats.clone()))
                .unwrap();
            Permit::new(stats, places)
        };
        let oldest = || {
            stats
                .state()
                .waiting
                .first_key_value()
                .map(|(number, _)| *number)
        };

        let (stuck, later) = (admit(), admit());
        drop(later);

        assert_eq!(oldest(), Some(stuck.number));
        let depth = active_orders.look(1, |stats, messages| stats.view(messages).mailbox_depth);
        assert_eq!(depth, Some(1));
        drop(stuck);
        assert_eq!(oldest(), None);
    }
}
