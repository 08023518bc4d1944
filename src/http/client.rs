//! The address of a client, and how often it may call.
//!
//! # Invariants
//! `X-Forwarded-For` counts only as far as trusted proxies wrote it. Any client may send one, so it
//! is read from the right, and the first address that is not one of our proxies is the client.
//!
//! The limits count an IPv4 address as it is and an IPv6 address by its /64, because one customer
//! has the whole /64. Memory is bounded: a client with its full allowance is removed, and when the
//! map is full, new clients are not limited; the limits per phone and on the queues still apply.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;

use crate::domain::catalog::Refusal;

/// Look-ups of unknown voucher codes per minute and client. A hotspot behind NAT is one client, and
/// its guests mistype.
const GUESSES_PER_MIN: u32 = 20;
/// Most clients in the map; about a megabyte.
const CLIENTS_MAX: usize = 16_384;
/// The period of a limit.
const MINUTE: Duration = Duration::from_secs(60);

/// The clients of this process. Cheap to clone: all clones count together.
#[derive(Clone)]
pub struct Clients {
    trusted: Arc<[IpAddr]>,
    purchases: Arc<RateLimit>,
    guesses: Arc<RateLimit>,
}

impl Clients {
    /// `purchases_per_min` is per client.
    pub fn new(trusted_proxies: &[IpAddr], purchases_per_min: u32) -> Self {
        Self {
            trusted: trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            purchases: Arc::new(RateLimit::per_minute(purchases_per_min)),
            guesses: Arc::new(RateLimit::per_minute(GUESSES_PER_MIN)),
        }
    }

    /// The client's address; `None` without a peer address, as in a unit test.
    pub fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        Some(client(peer, request.headers(), &self.trusted))
    }

    /// Whether this is one of the trusted proxies.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.contains(&peer)
    }

    /// Counts a purchase, or a request that costs as much.
    ///
    /// # Errors
    /// When this client has used its allowance.
    pub fn admit(&self, request: &HttpRequest) -> Result<(), Refusal> {
        // Loopback is not limited: if a local proxy is not in `trusted_proxies`, all guests have
        // its address, and one guest must not use up the limit of the others.
        let address = self.address(request).filter(|it| !it.is_loopback());
        address.map_or(Ok(()), |it| self.purchases.take(it, Instant::now()))
    }

    /// Counts a code that is about to be looked up as a wrong guess. A client that has used its
    /// guesses is refused before the look-up, so that it can no longer test codes.
    ///
    /// # Errors
    /// When this client has guessed too often.
    pub fn count_guess(&self, request: &HttpRequest) -> Result<(), Refusal> {
        let address = self.address(request);
        address.map_or(Ok(()), |it| self.guesses.take(it, Instant::now()))
    }

    /// Takes the count back, because the code exists.
    pub fn uncount_guess(&self, request: &HttpRequest) {
        if let Some(address) = self.address(request) {
            self.guesses.give_back(address);
        }
    }
}

fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .collect();
    let (mut client, mut hops) = (peer, hops.iter().rev());
    // Our proxies write valid addresses: an entry that is none, and all to its left, came from the
    // client.
    while trusted.contains(&client)
        && let Some(address) = hops.next().and_then(|hop| address(hop.trim()))
    {
        client = address;
    }
    client
}

/// An address as proxies write it: with a port or without.
fn address(hop: &str) -> Option<IpAddr> {
    let plain = hop.trim_start_matches('[').trim_end_matches(']');
    let parsed = plain.parse().ok().or_else(|| {
        let with_port: SocketAddr = hop.parse().ok()?;
        Some(with_port.ip())
    });
    parsed.map(|address: IpAddr| address.to_canonical())
}

/// A rate limit per client (GCRA). The whole allowance may be used in one burst.
struct RateLimit {
    /// The time after which one more request is allowed.
    interval: Duration,
    clients_max: usize,
    /// When a client has its whole allowance again.
    full_at: Mutex<HashMap<IpAddr, Instant>>,
}

impl RateLimit {
    /// `per_min` requests in a minute; 0 counts as 1.
    fn per_minute(per_min: u32) -> Self {
        Self {
            interval: MINUTE / per_min.max(1),
            clients_max: CLIENTS_MAX,
            full_at: Mutex::default(),
        }
    }

    fn full_at(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one request of this client at `now`.
    ///
    /// # Errors
    /// `RateLimited`, with the time until the next allowed request. Nothing was counted.
    fn take(&self, address: IpAddr, now: Instant) -> Result<(), Refusal> {
        let (client, mut full_at) = (network(address), self.full_at());
        let full = full_at.get(&client).map_or(now, |at| (*at).max(now));
        let used = full.duration_since(now) + self.interval;
        if used > MINUTE {
            let retry_after_secs = (used - MINUTE).as_secs_f64().ceil() as u64;
            return Err(Refusal::RateLimited(retry_after_secs));
        }
        if full_at.len() >= self.clients_max {
            full_at.retain(|_, at| *at > now);
        }
        if full_at.len() < self.clients_max || full_at.contains_key(&client) {
            full_at.insert(client, full + self.interval);
        }
        Ok(())
    }

    /// Takes back one counted request.
    fn give_back(&self, address: IpAddr) {
        if let Some(full_at) = self.full_at().get_mut(&network(address)) {
            *full_at = full_at.checked_sub(self.interval).unwrap_or(*full_at);
        }
    }
}

/// An IPv4 address, or the /64 of an IPv6 address (RFC 6177): one client.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    #[track_caller]
    fn assert_client(peer: &str, forwarded: &[&str], expected: &str) {
        let mut request = TestRequest::default().peer_addr(SocketAddr::new(ip(peer), 4711));
        for value in forwarded {
            request = request.append_header(("x-forwarded-for", *value));
        }
        let clients = Clients::new(&[ip(PROXY), ip("10.0.0.2")], 1);

        let address = clients.address(&request.to_http_request());

        assert_eq!(address, Some(ip(expected)), "{peer} {forwarded:?}");
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_peer_is_the_client_unless_it_is_a_trusted_proxy() {
        assert_client("192.0.2.7", &[], "192.0.2.7");
        assert_client("192.0.2.7", &["198.51.100.1"], "192.0.2.7");
        assert_client(PROXY, &[], PROXY);
        assert_client(PROXY, &["198.51.100.1"], "198.51.100.1");
        assert_client("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn hops_that_a_client_wrote_itself_do_not_count() {
        assert_client(PROXY, &["203.0.113.9, 198.51.100.1"], "198.51.100.1");
        assert_client(PROXY, &["203.0.113.9", "198.51.100.1"], "198.51.100.1");
        assert_client(PROXY, &["10.0.0.2, 198.51.100.1"], "198.51.100.1");
        assert_client(PROXY, &["198.51.100.1, 10.0.0.2"], "198.51.100.1");
        assert_client(PROXY, &["198.51.100.1, rubbish"], PROXY);
        assert_client(PROXY, &["rubbish, 198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn an_address_may_have_a_port() {
        assert_client(PROXY, &["198.51.100.1:5000"], "198.51.100.1");
        assert_client(PROXY, &["[2001:db8::1]:5000"], "2001:db8::1");
        assert_client(PROXY, &["2001:db8::1"], "2001:db8::1");
        assert_client(PROXY, &["[2001:db8::1]"], "2001:db8::1");
    }

    #[test]
    fn an_allowance_may_be_used_at_once_and_comes_back_share_by_share() {
        let (allowances, now) = (RateLimit::per_minute(6), Instant::now());
        let client = ip("192.0.2.7");

        for _ in 0..6 {
            assert_eq!(allowances.take(client, now), Ok(()));
        }
        assert_eq!(
            allowances.take(client, now),
            Err(Refusal::RateLimited(10)),
            "the seventh"
        );
        let later = now + Duration::from_secs(10);
        assert_eq!(allowances.take(client, later), Ok(()));
        assert!(allowances.take(client, later).is_err());
        assert_eq!(allowances.take(ip("192.0.2.8"), now), Ok(()), "another");
    }

    #[test]
    fn a_share_that_is_given_back_may_be_used_again() {
        let (allowances, now) = (RateLimit::per_minute(1), Instant::now());
        let client = ip("192.0.2.7");
        for _ in 0..3 {
            assert_eq!(allowances.take(client, now), Ok(()));
            allowances.give_back(client);
        }

        assert_eq!(allowances.take(client, now), Ok(()));
        assert!(allowances.take(client, now).is_err());
    }

    #[test]
    fn a_household_is_one_client() {
        let (allowances, now) = (RateLimit::per_minute(1), Instant::now());

        assert!(allowances.take(ip("2001:db8:1:2:3:4:5:6"), now).is_ok());
        assert!(allowances.take(ip("2001:db8:1:2::9"), now).is_err());
        assert!(allowances.take(ip("2001:db8:1:3::9"), now).is_ok());
        assert!(allowances.take(ip("192.0.2.7"), now).is_ok());
        assert!(allowances.take(ip("::ffff:192.0.2.7"), now).is_err());
    }

    #[test]
    fn memory_is_bounded_and_a_remembered_client_stays_limited() {
        let (mut allowances, now) = (RateLimit::per_minute(1), Instant::now());
        allowances.clients_max = 3;
        for last in 1..=9 {
            let newcomer = ip(&format!("192.0.2.{last}"));
            assert_eq!(allowances.take(newcomer, now), Ok(()));
        }

        assert_eq!(allowances.full_at().len(), 3);
        assert!(allowances.take(ip("192.0.2.1"), now).is_err());
        let later = now + Duration::from_secs(60);
        assert!(allowances.take(ip("192.0.2.9"), later).is_ok());
        assert_eq!(allowances.full_at().len(), 1, "the others are forgotten");
    }
}
