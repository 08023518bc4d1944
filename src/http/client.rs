//! The address of a client, and how often it may call.
//!
//! # Invariants
//! `X-Forwarded-For` counts only as far as trusted proxies wrote it. Any client may send one, so it
//! is read from the right, and the first address that is not one of our proxies is the client.
//!
//! The limits count an IPv4 address as it is and an IPv6 address by its /64, because one customer
//! has the whole /64. All guests of a hotspot may be one client, so the requests that are refused do
//! not use up what its purchases need.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::problem::{Code, Problem};
use crate::config::{LimitsConfig, ProxyRange};
use crate::domain::catalog::Refusal;
use crate::domain::pacing::{ClientId, LookUps, RateLimit, Share, Turn};

/// Look-ups of unknown voucher codes per minute and client. A hotspot behind NAT is one client, and
/// its guests mistype.
const GUESSES_PER_MIN: u32 = 20;
/// Look-ups of all clients that wait for their turn.
const WAITING_MAX: usize = 256;
/// The addresses that a request has passed, as its proxies write them.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The clients of this process. Cheap to clone: all clones count together.
#[derive(Clone)]
pub struct Clients {
    trusted: Arc<[ProxyRange]>,
    purchases: Arc<RateLimit>,
    refusals: Arc<RateLimit>,
    guesses: Arc<LookUps>,
    resends: Arc<LookUps>,
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
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }

    /// The client's address; `None` without a peer address, as in a unit test.
    pub fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        Some(client(peer, request.headers(), &self.trusted))
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

    /// Takes the count back, because the code exists.
    pub fn uncount_guess(&self, guess: Guess) {
        if let Some((client, turn)) = guess.0 {
            self.guesses.found(client, turn);
        }
    }

    /// Waits until the client may have an SMS sent again: some at once, then in turns.
    ///
    /// # Errors
    /// As `count_guess`.
    pub async fn admit_resend(
        &self,
        request: &HttpRequest,
        draining: &CancellationToken,
    ) -> Result<(), Problem> {
        let waited = self.wait(self.limited(request), &self.resends, draining);
        waited.await.map(drop)
    }

    /// The client, if its requests are limited. Loopback is not: if a local proxy is not in
    /// `trusted_proxies`, all guests have its address, and one guest must not use up the limit of
    /// the others.
    fn limited(&self, request: &HttpRequest) -> Option<ClientId> {
        let address = self.address(request).filter(|it| !it.is_loopback());
        address.map(client_id)
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
            let place = self.waiting.try_acquire();
            let _place = place.map_err(|_| Refusal::RateLimited(pause.as_secs() + 1))?;
            if timeout(pause, draining.cancelled()).await.is_ok() {
                return Err(Code::Stopping.into());
            }
        }
        Ok(Some(turn))
    }
}

/// A look-up that is counted as a wrong guess.
pub struct Guess(Option<(ClientId, Turn)>);

fn is_trusted(address: IpAddr, trusted: &[ProxyRange]) -> bool {
    trusted.iter().any(|range| range.contains(address))
}

fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[ProxyRange]) -> IpAddr {
    let hops: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .collect();
    let (mut client, mut hops) = (peer, hops.iter().rev());
    // Our proxies write valid addresses: an entry that is none, and all to its left, came from the
    // client.
    while is_trusted(client, trusted)
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

fn client_id(address: IpAddr) -> ClientId {
    let bits = match network(address) {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    ClientId(bits.to_bits())
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
        let trusted = [PROXY, "10.0.0.2", "172.16.0.0/12"];
        let trusted = trusted.map(|range| range.parse().unwrap());
        let clients = Clients::new(&trusted, &LimitsConfig::default());

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
    fn a_proxy_may_be_anywhere_in_a_trusted_range() {
        assert_client("172.18.0.1", &["198.51.100.1"], "198.51.100.1");
        assert_client("::ffff:172.18.0.1", &["198.51.100.1"], "198.51.100.1");
        assert_client(PROXY, &["198.51.100.1, 172.31.9.9"], "198.51.100.1");
        assert_client("172.32.0.1", &["198.51.100.1"], "172.32.0.1");
    }

    #[test]
    fn an_address_may_have_a_port() {
        assert_client(PROXY, &["198.51.100.1:5000"], "198.51.100.1");
        assert_client(PROXY, &["[2001:db8::1]:5000"], "2001:db8::1");
        assert_client(PROXY, &["2001:db8::1"], "2001:db8::1");
        assert_client(PROXY, &["[2001:db8::1]"], "2001:db8::1");
    }

    #[test]
    fn a_household_is_one_client() {
        let one = |address: &str, other: &str| client_id(ip(address)) == client_id(ip(other));

        assert!(one("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::9"));
        assert!(!one("2001:db8:1:2::9", "2001:db8:1:3::9"));
        assert!(!one("192.0.2.7", "192.0.2.8"));
        assert!(one("192.0.2.7", "::ffff:192.0.2.7"));
    }
}
