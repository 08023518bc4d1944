//! What one client may do in a minute, or another sender in another period, in this process.
//!
//! # Invariants
//! Memory is bounded: a client with its full allowance is removed, and when the map is full, new
//! clients are not limited; the limits per phone and on the queues still apply.
//!
//! Pure: the caller passes the time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::domain::catalog::Refusal;
use crate::domain::people::Phone;

/// Most clients in a map; about a megabyte.
pub(super) const CLIENTS_MAX: usize = 16_384;
/// The period of most limits.
const MINUTE: Duration = Duration::from_secs(60);

/// A client: the bits of an IPv4 address, or of the /64 of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(pub u128);

impl ClientId {
    /// What an order keeps of its client: the same for the same client and phone, and no address.
    pub fn hash(self, phone: &Phone) -> String {
        hex::encode(&self.digest_with(phone)[..8])
    }

    /// This client, as far as it asks about this phone.
    pub fn about(self, phone: &Phone) -> Self {
        let digest = self.digest_with(phone);
        Self(
            digest
                .iter()
                .fold(0, |bits, byte| (bits << 8) | u128::from(*byte)),
        )
    }

    fn digest_with(self, phone: &Phone) -> [u8; 32] {
        Sha256::digest(format!("{}.{}", self.0, phone.international())).into()
    }
}

/// A rate limit per client (GCRA). The whole allowance may be used in one burst.
pub struct RateLimit {
    /// The time after which one more request is allowed.
    interval: Duration,
    /// The time in which a used allowance comes back.
    period: Duration,
    clients_max: usize,
    /// When a client has its whole allowance again.
    full_at: Mutex<HashMap<ClientId, Instant>>,
}

impl RateLimit {
    /// `per_min` requests in a minute; 0 counts as 1.
    pub fn per_minute(per_min: u32) -> Self {
        Self::new(per_min, MINUTE)
    }

    /// `most` requests, or other units, in `period`; 0 counts as 1.
    pub fn new(most: u32, period: Duration) -> Self {
        Self {
            interval: period / most.max(1),
            period,
            clients_max: CLIENTS_MAX,
            full_at: Mutex::default(),
        }
    }

    fn full_at(&self) -> MutexGuard<'_, HashMap<ClientId, Instant>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the client will have its whole allowance again if it makes `count` more requests at `now`.
    fn full_after(
        &self,
        full_at: &HashMap<ClientId, Instant>,
        client: ClientId,
        count: u32,
        now: Instant,
    ) -> Result<Instant, Refusal> {
        let full = full_at.get(&client).map_or(now, |at| (*at).max(now)) + self.interval * count;
        let early = full.duration_since(now).saturating_sub(self.period);
        match early {
            Duration::ZERO => Ok(full),
            early => Err(Refusal::RateLimited(whole_secs(early))),
        }
    }

    /// Whether `take` would count one more request of this client.
    ///
    /// # Errors
    /// As `take`.
    pub fn check(&self, client: ClientId, now: Instant) -> Result<(), Refusal> {
        self.full_after(&self.full_at(), client, 1, now).map(drop)
    }

    /// Counts one request of this client at `now`.
    ///
    /// # Errors
    /// `RateLimited`, with the time until the next allowed request. Nothing was counted.
    pub fn take(&self, client: ClientId, now: Instant) -> Result<(), Refusal> {
        self.take_many(client, 1, now)
    }

    /// Counts `count` requests, or other units, of this client at `now`: all of them, or none.
    ///
    /// # Errors
    /// As `take`.
    pub fn take_many(&self, client: ClientId, count: u32, now: Instant) -> Result<(), Refusal> {
        let mut full_at = self.full_at();
        let full = self.full_after(&full_at, client, count, now)?;
        if full_at.len() >= self.clients_max {
            full_at.retain(|_, at| *at > now);
        }
        if full_at.len() < self.clients_max || full_at.contains_key(&client) {
            full_at.insert(client, full);
        }
        Ok(())
    }

    /// Takes back one counted request.
    pub fn give_back(&self, client: ClientId) {
        if let Some(full_at) = self.full_at().get_mut(&client) {
            *full_at = full_at.checked_sub(self.interval).unwrap_or(*full_at);
        }
    }
}

/// One purchase's place in the share of its client. The place is taken when the order is about to be
/// written, and given back unless the order is made: requests that are refused take none, however
/// many there are at the same moment.
#[derive(Default)]
pub struct Share {
    /// `None` is not limited.
    of: Option<(ClientId, Arc<RateLimit>)>,
    is_taken: AtomicBool,
}

impl Share {
    /// A place in this client's share.
    pub fn new(client: ClientId, purchases: Arc<RateLimit>) -> Self {
        Self {
            of: Some((client, purchases)),
            is_taken: AtomicBool::new(false),
        }
    }

    /// The client's hash for an order of this phone; `None` if the client is not known.
    pub fn client_hash(&self, phone: &Phone) -> Option<String> {
        self.of.as_ref().map(|(client, _)| client.hash(phone))
    }

    /// Whether the share has a place. Takes none.
    ///
    /// # Errors
    /// `RateLimited` if it has none.
    pub fn check(&self, now: Instant) -> Result<(), Refusal> {
        let of = self.of.as_ref();
        of.map_or(Ok(()), |(client, limit)| limit.check(*client, now))
    }

    /// Takes the place; a second call takes no other one.
    ///
    /// # Errors
    /// `RateLimited` if the share has none.
    pub fn take(&self, now: Instant) -> Result<(), Refusal> {
        if let Some((client, limit)) = &self.of
            && !self.is_taken.load(Ordering::Relaxed)
        {
            limit.take(*client, now)?;
            self.is_taken.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The order is made, so the place is not given back.
    pub fn keep(&self) {
        self.is_taken.store(false, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some((client, limit)) = &self.of
            && *self.is_taken.get_mut()
        {
            limit.give_back(*client);
        }
    }
}

/// In whole seconds, rounded up.
pub(super) fn whole_secs(time: Duration) -> u64 {
    time.as_secs_f64().ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: ClientId = ClientId(1);

    #[test]
    fn an_allowance_may_be_used_at_once_and_comes_back_share_by_share() {
        let (limit, now) = (RateLimit::per_minute(6), Instant::now());

        for _ in 0..6 {
            assert_eq!(limit.take(CLIENT, now), Ok(()));
        }
        assert_eq!(limit.check(CLIENT, now), Err(Refusal::RateLimited(10)));
        assert_eq!(limit.take(CLIENT, now), Err(Refusal::RateLimited(10)));
        let later = now + Duration::from_secs(10);
        assert_eq!(limit.take(CLIENT, later), Ok(()));
        assert!(limit.take(CLIENT, later).is_err());
        assert_eq!(limit.take(ClientId(2), now), Ok(()), "another");
    }

    #[test]
    fn many_units_are_taken_together_or_not_at_all() {
        let hour = Duration::from_secs(3_600);
        let (limit, now) = (RateLimit::new(60, hour), Instant::now());

        assert_eq!(limit.take_many(CLIENT, 40, now), Ok(()));
        assert!(limit.take_many(CLIENT, 21, now).is_err());
        assert_eq!(limit.take_many(CLIENT, 20, now), Ok(()));
        assert_eq!(limit.take(CLIENT, now), Err(Refusal::RateLimited(60)));
        assert_eq!(limit.take_many(CLIENT, 60, now + hour), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_a_remembered_client_stays_limited() {
        let (mut limit, now) = (RateLimit::per_minute(1), Instant::now());
        limit.clients_max = 3;
        for newcomer in 1..=9 {
            assert_eq!(limit.take(ClientId(newcomer), now), Ok(()));
        }

        assert_eq!(limit.full_at().len(), 3);
        assert!(limit.take(CLIENT, now).is_err());
        let later = now + MINUTE;
        assert!(limit.take(ClientId(9), later).is_ok());
        assert_eq!(limit.full_at().len(), 1, "the others are forgotten");
    }

    #[test]
    fn a_place_is_taken_once_and_kept_only_for_an_order() {
        let (limit, now) = (Arc::new(RateLimit::per_minute(1)), Instant::now());
        let share = || Share::new(CLIENT, limit.clone());
        for _ in 0..3 {
            let refused = share();
            assert_eq!((refused.take(now), refused.take(now)), (Ok(()), Ok(())));
            assert!(share().take(now).is_err(), "taken so far");
        }

        let bought = share();
        assert_eq!(bought.take(now), Ok(()));
        bought.keep();
        drop(bought);

        assert_eq!(share().check(now), Err(Refusal::RateLimited(60)));
        assert_eq!(Share::default().take(now), Ok(()));
    }

    #[test]
    fn an_orders_hash_shows_neither_the_client_nor_that_it_has_prompted_other_phones() {
        let phone = |text| Phone::read(text).unwrap();
        let (one, other) = (phone("0712345678"), phone("0712345679"));

        assert_eq!(CLIENT.hash(&one), CLIENT.hash(&one));
        assert_ne!(CLIENT.hash(&one), CLIENT.hash(&other));
        assert_ne!(CLIENT.hash(&one), ClientId(2).hash(&one));
        assert_eq!(CLIENT.hash(&one).len(), 16);
        assert_eq!(CLIENT.about(&one), CLIENT.about(&one));
        assert_ne!(CLIENT.about(&one), CLIENT.about(&other));
        assert_ne!(CLIENT.about(&one), ClientId(2).about(&one));
    }
}
