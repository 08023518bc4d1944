//! The client of a request, and whether it calls too often.
//!
//! # Invariants
//! `X-Forwarded-For` counts only as far as trusted proxies wrote
//! it. Anybody may send one, so it is read from the right, and the first address that is none of
//! our proxies is the client.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;

use super::problem::{Code, Problem};
use super::rate_limit::Allowances;

/// The clients of this process. Cheap to clone: all clones count together.
#[derive(Clone)]
pub struct Clients {
    trusted: Arc<[IpAddr]>,
    purchases: Arc<Mutex<Allowances>>,
    guesses: Arc<Mutex<Allowances>>,
}

/// Voucher codes that do not exist, a minute and client: a hotspot behind NAT is one client, and
/// its guests mistype.
const GUESSES_PER_MIN: u32 = 20;

impl Clients {
    /// Behind these proxies, with so many purchases a minute for each.
    pub fn new(trusted_proxies: &[IpAddr], purchases_per_min: u32) -> Self {
        Self {
            trusted: trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            purchases: Arc::new(Mutex::new(Allowances::per_minute(purchases_per_min))),
            guesses: Arc::new(Mutex::new(Allowances::per_minute(GUESSES_PER_MIN))),
        }
    }

    /// Where the request comes from; `None` if it came by no network.
    pub fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        Some(client(peer, request.headers(), &self.trusted))
    }

    /// Counts a purchase, or whatever is as dear.
    ///
    /// # Errors
    /// `rate_limited` when this client has used its allowance.
    pub fn admit(&self, request: &HttpRequest) -> Result<(), Problem> {
        // A client on this machine is not limited; and a proxy here that is not trusted
        // makes all guests one client, who must not be limited for each other.
        let Some(address) = self.address(request).filter(|it| !it.is_loopback()) else {
            return Ok(());
        };
        take(&self.purchases, address)
    }

    /// Counts a code that is about to be looked up as a guess. A client without guesses is
    /// refused before that, so that it cannot tell a right code from a wrong one any more.
    ///
    /// # Errors
    /// `rate_limited` when this client has guessed too often.
    pub fn guess(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.address(request)
            .map_or(Ok(()), |address| take(&self.guesses, address))
    }

    /// The code was there, so it was no guess.
    pub fn was_no_guess(&self, request: &HttpRequest) {
        if let Some(address) = self.address(request) {
            let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
            guesses.give_back(address);
        }
    }
}

fn take(allowances: &Mutex<Allowances>, address: IpAddr) -> Result<(), Problem> {
    let mut allowances = allowances.lock().unwrap_or_else(PoisonError::into_inner);
    allowances.take(address, Instant::now()).map_err(|wait| {
        Problem::new(Code::RateLimited).retry_after_secs(wait.as_secs_f64().ceil() as u64)
    })
}

fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .collect();
    let mut client = peer;
    for hop in hops.iter().rev() {
        if !trusted.contains(&client) {
            break;
        }
        // What cannot be read was not written by a proxy of ours, and nor was what stands before.
        let Some(address) = address(hop.trim()) else {
            break;
        };
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
    fn whoever_connects_is_the_client_unless_a_trusted_proxy_says_otherwise() {
        assert_client("192.0.2.7", &[], "192.0.2.7");
        assert_client("192.0.2.7", &["198.51.100.1"], "192.0.2.7");
        assert_client(PROXY, &[], PROXY);
        assert_client(PROXY, &["198.51.100.1"], "198.51.100.1");
        assert_client("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn what_a_client_puts_before_its_own_address_does_not_count() {
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
}
