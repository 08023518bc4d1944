//! How often one client may ask for something: so many a minute, all of them at once if need be.
//!
//! A client is an address as far as it tells people apart: IPv4 as it is, IPv6 by its /64, for a
//! household has all of that. Memory is bounded: who has asked for nothing lately is forgotten, and
//! when too many have, newcomers are let through, for other limits stand behind this one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Clients remembered at most; about a megabyte.
const CLIENTS_MAX: usize = 16_384;

/// What each client has used of its allowance.
#[derive(Debug)]
pub struct Allowances {
    /// For how long one request uses up its share.
    each: Duration,
    /// The whole allowance.
    all: Duration,
    most: usize,
    /// When a client has its whole allowance again.
    full_at: HashMap<IpAddr, Instant>,
}

impl Allowances {
    /// `per_min` requests in a minute; 0 counts as 1.
    pub fn per_minute(per_min: u32) -> Self {
        let minute = Duration::from_secs(60);
        Self {
            each: minute / per_min.max(1),
            all: minute,
            most: CLIENTS_MAX,
            full_at: HashMap::new(),
        }
    }

    /// Uses one share of this client's allowance at `now`.
    ///
    /// # Errors
    /// How long until there is a share again; nothing was used.
    pub fn take(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let client = household(address);
        let full_at = self.full_at.get(&client).map_or(now, |at| (*at).max(now));
        let used = full_at.duration_since(now) + self.each;
        if used > self.all {
            return Err(used - self.all);
        }
        if self.full_at.len() >= self.most {
            self.full_at.retain(|_, at| *at > now);
        }
        if self.full_at.len() < self.most || self.full_at.contains_key(&client) {
            self.full_at.insert(client, full_at + self.each);
        }
        Ok(())
    }

    /// Gives back a share that turned out not to be used.
    pub fn give_back(&mut self, address: IpAddr) {
        if let Some(full_at) = self.full_at.get_mut(&household(address)) {
            *full_at = full_at.checked_sub(self.each).unwrap_or(*full_at);
        }
    }
}

/// The address as far as it tells clients apart.
pub fn household(address: IpAddr) -> IpAddr {
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
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_minutes_allowance_may_be_used_at_once_and_comes_back_bit_by_bit() {
        let (mut allowances, now) = (Allowances::per_minute(6), Instant::now());
        let client = ip("192.0.2.7");

        for _ in 0..6 {
            assert_eq!(allowances.take(client, now), Ok(()));
        }
        assert_eq!(
            allowances.take(client, now),
            Err(Duration::from_secs(10)),
            "the seventh"
        );
        let later = now + Duration::from_secs(10);
        assert_eq!(allowances.take(client, later), Ok(()));
        assert!(allowances.take(client, later).is_err());
        assert_eq!(allowances.take(ip("192.0.2.8"), now), Ok(()), "another");
    }

    #[test]
    fn what_is_given_back_may_be_used_again() {
        let (mut allowances, now) = (Allowances::per_minute(1), Instant::now());
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
        let (mut allowances, now) = (Allowances::per_minute(1), Instant::now());

        assert!(allowances.take(ip("2001:db8:1:2:3:4:5:6"), now).is_ok());
        assert!(allowances.take(ip("2001:db8:1:2::9"), now).is_err());
        assert!(allowances.take(ip("2001:db8:1:3::9"), now).is_ok());
        assert!(allowances.take(ip("192.0.2.7"), now).is_ok());
        assert!(allowances.take(ip("::ffff:192.0.2.7"), now).is_err());
    }

    #[test]
    fn memory_is_bounded_and_who_is_remembered_stays_limited() {
        let (mut allowances, now) = (Allowances::per_minute(1), Instant::now());
        allowances.most = 3;
        for last in 1..=9 {
            let newcomer = ip(&format!("192.0.2.{last}"));
            assert_eq!(allowances.take(newcomer, now), Ok(()));
        }

        assert_eq!(allowances.full_at.len(), 3);
        assert!(allowances.take(ip("192.0.2.1"), now).is_err());
        let later = now + Duration::from_secs(60);
        assert!(allowances.take(ip("192.0.2.9"), later).is_ok());
        assert_eq!(allowances.full_at.len(), 1, "the others are forgotten");
    }
}
