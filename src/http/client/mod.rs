//! How often a client may call.
//!
//! # Invariants
//! The limits count an IPv4 address as it is and an IPv6 address by its /64, because one customer
//! has the whole /64. All guests of a hotspot may be one client, so the requests that are refused do
//! not use up what its purchases need.

use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix_web::HttpRequest;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::problem::{Code, Problem};
use crate::config::{LimitsConfig, ProxyRange};
use crate::domain::catalog::Refusal;
use crate::domain::pacing::{ClientId, LookUps, RateLimit, Share, Turn};
use crate::domain::people::Phone;

mod address;

use address::{FORWARDED_FOR, Way, client_id, is_trusted, way};

pub use address::network;

/// Look-ups of unknown voucher codes per minute and client. A hotspot behind NAT is one client, and
/// its guests mistype.
const GUESSES_PER_MIN: u32 = 20;
/// Look-ups of all clients that wait for their turn: each holds a connection, and a process may have as few as a
/// hundred and fifty.
const WAITING_MAX: usize = 32;
/// Requests about one phone in a minute by one client for an SMS to be sent again. A further one finds
/// nothing that these have not done already.
const RESENDS_PER_PHONE_MIN: u32 = 3;

/// The clients of this process. Cheap to clone: all clones count together.
#[derive(Clone)]
pub struct Clients {
    trusted: Arc<[ProxyRange]>,
    purchases: Arc<RateLimit>,
    refusals: Arc<RateLimit>,
    guesses: Arc<LookUps>,
    resends: Arc<LookUps>,
    resends_of_phone: Arc<RateLimit>,
    /// Places of look-ups that wait for their turn.
    waiting: Arc<Semaphore>,
}

impl Clients {
    /// The clients of a process with these limits.
    pub fn new(trusted_proxies: &[ProxyRange], limits: &LimitsConfig) -> Self {
        Self {
            trusted: trusted_proxies.into(),
            purchases: Arc::new(RateLimit::per_minute(limits.purchases_per_client_min)),
            refusals: Arc::new(RateLimit::per_minute(limits.refusals_per_client_min)),
            guesses: Arc::new(LookUps::per_minute(GUESSES_PER_MIN)),
            resends: Arc::new(LookUps::per_minute(limits.purchases_per_client_min)),
            resends_of_phone: Arc::new(RateLimit::per_minute(RESENDS_PER_PHONE_MIN)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }

    /// The client's address; `None` without a peer address, as in a unit test.
    pub fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        self.way(request).map(|way| way.client)
    }

    fn way(&self, request: &HttpRequest) -> Option<Way> {
        let peer = request.peer_addr()?.ip().to_canonical();
        Some(way(peer, request.headers(), &self.trusted))
    }

    /// Whether each proxy that a request without a header of its own has passed is trusted; the client
    /// is then none of them.
    pub fn trusts_way(&self, request: &HttpRequest) -> bool {
        let way = self.way(request);
        way.is_some_and(|way| self.trusts(way.client) || (!way.is_direct && !way.has_more))
    }

    /// Whether this is one of the trusted proxies.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        is_trusted(peer, &self.trusted)
    }

    /// The peer, if it sends X-Forwarded-For and is not a trusted proxy.
    pub fn untrusted_forwarder(&self, request: &HttpRequest) -> Option<IpAddr> {
        if !request.headers().contains_key(FORWARDED_FOR) {
            return None;
        }
        let peer = request.peer_addr()?.ip().to_canonical();
        (!self.trusts(peer)).then_some(peer)
    }

    /// The place of a purchase in the share of its client.
    pub fn share(&self, request: &HttpRequest) -> Arc<Share> {
        let client = self.limited(request);
        Arc::new(client.map_or_else(Share::default, |it| Share::new(it, self.purchases.clone())))
    }

    /// Counts a refused request.
    ///
    /// # Errors
    /// When this client has used its share of refusals.
    pub fn count_refusal(&self, request: &HttpRequest) -> Result<(), Refusal> {
        let client = self.limited(request);
        client.map_or(Ok(()), |it| self.refusals.take(it, Instant::now()))
    }

    /// Waits until the client may look up a code, and counts it as a wrong guess. Over its limit a
    /// client takes turns, whether its codes are right or wrong.
    ///
    /// # Errors
    /// A 429 when too many of its look-ups wait, a 503 when the server stops.
    pub async fn count_guess(
        &self,
        request: &HttpRequest,
        draining: &CancellationToken,
    ) -> Result<Guess, Problem> {
        let client = self.address(request).map(client_id);
        let turn = self.wait(client, &self.guesses, draining).await?;
        Ok(Guess(client.zip(turn)))
    }

    /// Counts a look-up as a wrong guess, unless the client is over its limit and would have to wait.
    pub fn count_guess_at_once(&self, request: &HttpRequest) -> Option<Guess> {
        let Some(client) = self.address(request).map(client_id) else {
            return Some(Guess(None));
        };
        let may = self.guesses.at_once(client, Instant::now());
        may.then_some(Guess(Some((client, Turn::Now))))
    }

    /// Takes the count back, because the code exists.
    pub fn uncount_guess(&self, guess: Guess) {
        if let Some((client, turn)) = guess.0 {
            self.guesses.found(client, turn);
        }
    }

    /// Waits until the client may have the SMS of this phone sent again: some at once, then in turns. One
    /// phone has a few of a client's turns, so that it leaves the others to the guests behind the same
    /// address.
    ///
    /// # Errors
    /// As `count_guess`, and a 429 when this client has asked too often about this phone.
    pub async fn admit_resend(
        &self,
        request: &HttpRequest,
        phone: &Phone,
        draining: &CancellationToken,
    ) -> Result<(), Problem> {
        let Some(client) = self.limited(request) else {
            return Ok(());
        };
        let of_phone = Share::new(client.about(phone), self.resends_of_phone.clone());
        of_phone.take(Instant::now())?;
        // A client that leaves while it waits gives both back.
        self.wait(Some(client), &self.resends, draining).await?;
        of_phone.keep();
        Ok(())
    }

    /// The client, if its requests are limited. This machine is not: if a local proxy is not in
    /// `trusted_proxies`, all guests have its address, and one guest must not use up the limit of
    /// the others. A client that a proxy names is never this machine.
    fn limited(&self, request: &HttpRequest) -> Option<ClientId> {
        let way = self.way(request)?;
        let is_local = way.is_direct && way.client.is_loopback();
        (!is_local).then(|| client_id(way.client))
    }

    async fn wait(
        &self,
        client: Option<ClientId>,
        look_ups: &LookUps,
        draining: &CancellationToken,
    ) -> Result<Option<Turn>, Problem> {
        let Some(client) = client else {
            return Ok(None);
        };
        let turn = look_ups.turn(client, Instant::now())?;
        if let Turn::After(pause) = turn {
            let given = GivenTurn { look_ups, client };
            let place = self.waiting.try_acquire();
            let _place = place.map_err(|_| Refusal::RateLimited(pause.as_secs() + 1))?;
            if timeout(pause, draining.cancelled()).await.is_ok() {
                return Err(Code::Stopping.into());
            }
            mem::forget(given);
        }
        Ok(Some(turn))
    }
}

/// A turn that has not come yet. It is given back when it is dropped: the client has hung up.
struct GivenTurn<'a> {
    look_ups: &'a LookUps,
    client: ClientId,
}

impl Drop for GivenTurn<'_> {
    fn drop(&mut self) {
        self.look_ups.give_back(self.client);
    }
}

/// A look-up that is counted as a wrong guess.
pub struct Guess(Option<(ClientId, Turn)>);
