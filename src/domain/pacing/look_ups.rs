//! Look-ups of a client: some at once, and over its limit in turns. So many guests behind one address
//! are slow, and none of them is shut out.
//!
//! Pure: the caller passes the time, and waits.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::client_limit::{CLIENTS_MAX, ClientId, RateLimit, whole_secs};
use crate::domain::catalog::Refusal;

/// The time from one turn of a client to its next one.
const TURN: Duration = Duration::from_secs(1);
/// Most turns of a client that are waited for.
const WAITING_MAX: u32 = 10;

/// When a client may look something up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// At once; it was counted.
    Now,
    /// After this time.
    After(Duration),
}

/// The look-ups of all clients.
pub struct LookUps {
    allowed: RateLimit,
    /// The last turn that a client has been given.
    last_turn: Mutex<HashMap<ClientId, Instant>>,
}

impl LookUps {
    /// `per_min` look-ups in a minute without taking turns.
    pub fn per_minute(per_min: u32) -> Self {
        Self {
            allowed: RateLimit::per_minute(per_min),
            last_turn: Mutex::default(),
        }
    }

    /// When this client may look something up: at once, or at its next turn, one a second.
    ///
    /// # Errors
    /// `RateLimited` if ten look-ups wait for a turn already.
    pub fn turn(&self, client: ClientId, now: Instant) -> Result<Turn, Refusal> {
        if self.at_once(client, now) {
            return Ok(Turn::Now);
        }
        let mut last_turn = (self.last_turn.lock()).unwrap_or_else(PoisonError::into_inner);
        if last_turn.len() >= CLIENTS_MAX {
            last_turn.retain(|_, at| *at > now);
        }
        let last = last_turn.get(&client).map_or(now, |at| (*at).max(now));
        let wait = last + TURN - now;
        let early = wait.saturating_sub(TURN * WAITING_MAX);
        if !early.is_zero() {
            return Err(Refusal::RateLimited(whole_secs(early)));
        }
        last_turn.insert(client, last + TURN);
        Ok(Turn::After(wait))
    }

    /// Whether this client may look something up at once; it was counted then.
    pub fn at_once(&self, client: ClientId, now: Instant) -> bool {
        self.allowed.take(client, now).is_ok()
    }

    /// Takes back the turn of a look-up whose client has gone before it came.
    pub fn give_back(&self, client: ClientId) {
        let mut last_turn = (self.last_turn.lock()).unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last_turn.get_mut(&client) {
            *last -= TURN;
        }
    }

    /// Something was found, so this look-up does not count.
    pub fn found(&self, client: ClientId, turn: Turn) {
        if turn == Turn::Now {
            self.allowed.give_back(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: ClientId = ClientId(1);

    #[test]
    fn over_the_limit_ten_look_ups_wait_for_turns_of_a_second() {
        let (look_ups, now) = (LookUps::per_minute(2), Instant::now());
        let at = |millis| now + Duration::from_millis(millis);
        let after = |millis| Ok(Turn::After(Duration::from_millis(millis)));
        for _ in 0..9 {
            let turn = look_ups.turn(CLIENT, now).unwrap();
            look_ups.found(CLIENT, turn);
        }
        for _ in 0..2 {
            assert_eq!(look_ups.turn(CLIENT, now), Ok(Turn::Now));
        }

        for waiting in 1..=10 {
            assert_eq!(look_ups.turn(CLIENT, now), after(waiting * 1_000));
        }
        assert_eq!(look_ups.turn(CLIENT, now), Err(Refusal::RateLimited(1)));
        assert_eq!(look_ups.turn(ClientId(2), now), Ok(Turn::Now));
        assert_eq!(look_ups.turn(CLIENT, at(1_200)), after(9_800));
        // Nine of the ten hang up.
        (0..9).for_each(|_| look_ups.give_back(CLIENT));
        assert_eq!(look_ups.turn(CLIENT, at(1_200)), after(1_800));
        // A turn gives nothing back, or each right code would allow a guess.
        look_ups.found(CLIENT, Turn::After(TURN));
        assert_eq!(look_ups.turn(CLIENT, at(20_000)), after(1_000));
        assert_eq!(look_ups.turn(CLIENT, at(30_000)), Ok(Turn::Now));
    }
}
