//! Routers that let guests in and report no session.
//!
//! Pure: the caller passes what the database has.

/// A code that a router let in for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstAccept {
    /// The address that the router's packets come from.
    pub address: String,
    /// What the router calls itself; may be empty.
    pub identifier: String,
    /// Its name in `nas`, or its address.
    pub name: String,
    /// When, in seconds since 1970.
    pub at: i64,
    /// Whether any router has reported a session of this code.
    pub is_accounted: bool,
}

/// A router whose guests may have no accounting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnaccountedRouter {
    /// Its last accept without a session.
    pub last: FirstAccept,
    /// Codes that it let in since the last one with a session.
    pub vouchers: u64,
    /// When it let the first of them in, in seconds since 1970.
    pub since: i64,
}

/// Codes without a session that make a router's accounting doubtful even if it reports other sessions:
/// one of its hotspots may be set otherwise.
const SEVERAL: u64 = 3;

impl UnaccountedRouter {
    /// Routers that have let in codes without a session since the last code with one. `accepts` are
    /// newest first.
    pub fn all(accepts: Vec<FirstAccept>) -> Vec<Self> {
        let mut routers: Vec<(Self, bool)> = Vec::new();
        for accept in accepts {
            let same = |last: &FirstAccept| {
                (&last.address, &last.identifier) == (&accept.address, &accept.identifier)
            };
            let known = routers.iter_mut().find(|(router, _)| same(&router.last));
            match known {
                None => {
                    let router = Self {
                        vouchers: u64::from(!accept.is_accounted),
                        since: accept.at,
                        last: accept.clone(),
                    };
                    routers.push((router, accept.is_accounted));
                }
                Some((_, true)) => {}
                Some((_, is_over)) if accept.is_accounted => *is_over = true,
                Some((router, _)) => {
                    router.vouchers += 1;
                    router.since = accept.at;
                }
            }
        }
        let routers = routers.into_iter().map(|(router, _)| router);
        routers.filter(|router| router.vouchers > 0).collect()
    }

    /// Whether this is a fault although the router reports sessions of other codes.
    pub fn are_several(&self) -> bool {
        self.vouchers >= SEVERAL
    }

    /// How people know it.
    pub fn label(&self) -> String {
        let FirstAccept {
            name, identifier, ..
        } = &self.last;
        if identifier.is_empty() || identifier == name {
            return name.clone();
        }
        format!("{name} ({identifier})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(identifier: &str, at: i64, is_accounted: bool) -> FirstAccept {
        FirstAccept {
            address: "10.0.0.1".to_owned(),
            identifier: identifier.to_owned(),
            name: "bar".to_owned(),
            at,
            is_accounted,
        }
    }

    #[test]
    fn a_router_counts_from_its_last_code_with_a_session() {
        let routers = UnaccountedRouter::all(vec![
            accept("never", 90, false),
            accept("lately", 80, false),
            accept("well", 75, true),
            accept("lately", 70, true),
            accept("lately", 60, false),
            accept("well", 55, false),
            accept("never", 50, false),
        ]);

        let found = |router: &UnaccountedRouter| (router.label(), router.vouchers, router.since);
        let found: Vec<_> = routers.iter().map(found).collect();
        let expected = [
            ("bar (never)".to_owned(), 2, 50),
            ("bar (lately)".to_owned(), 1, 80),
        ];
        assert_eq!(found, expected);
        assert!(!routers[0].are_several());
    }

    #[test]
    fn a_router_is_named_once() {
        for (identifier, label) in [("", "bar"), ("bar", "bar"), ("two", "bar (two)")] {
            let routers = UnaccountedRouter::all(vec![accept(identifier, 1, false)]);

            assert_eq!(routers[0].label(), label);
        }
    }
}
