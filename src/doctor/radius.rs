//! FreeRADIUS: whether it lets the right guests in, with answers that routers trust, and whether the
//! routers report their sessions.

use std::net::{IpAddr, SocketAddr};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::config::{Config, Mode};
use crate::domain::access::{Attribute, RadiusUser};
use crate::domain::health::Finding;
use crate::domain::people::Secret;
use crate::radius::client::{self, Access, RadiusError};
use crate::radius::packet::AuthenticatorPlace;
use crate::store::{Store, StoreError};

/// How long FreeRADIUS accepts the test's user; longer than the test takes.
const TEST_USER_VALID: TimeDelta = TimeDelta::seconds(60);
/// A router with guests reports a session more often.
const ACCOUNTED_WITHIN: TimeDelta = TimeDelta::days(1);

/// What is wrong, and what to do.
type Fault = (String, String);

/// Asks FreeRADIUS about a user that is written for the test, and about one that does not exist.
/// Routers must be able to trust both answers.
pub(super) async fn access(config: &Config, store: Option<&Store>) -> Finding {
    const CHECK: &str = "radius";
    let (Some(server), Some(secret)) = (config.radius.server, &config.radius.secret) else {
        let detail = "radius.server is not set: no voucher is tested";
        return match config.zenopay.mode {
            Mode::Sandbox => Finding::skipped(CHECK, detail),
            Mode::Live => {
                let hint = "Set radius.server and radius.secret; see deploy/freeradius";
                Finding::warning(CHECK, detail, hint)
            }
        };
    };
    match try_both(server, secret, store).await {
        Ok(()) => Finding::ok(
            CHECK,
            "accepts a user of our database and rejects an unknown one, both answers signed",
        ),
        Err((detail, hint)) => Finding::failed(CHECK, detail, hint),
    }
}

async fn try_both(server: SocketAddr, secret: &Secret, store: Option<&Store>) -> Result<(), Fault> {
    if ask(server, secret, &random_name()).await? == Access::Accepted {
        let detail = format!("{server} accepts an unknown user");
        let hint = "Put this version's deploy/freeradius/*.conf in place";
        return Err((detail, hint.to_owned()));
    }
    let Some(store) = store else {
        let detail = "rejects an unknown user; without the database no voucher can be tested";
        return Err((detail.to_owned(), String::new()));
    };
    let user = test_user();
    let of_database = |what: &str, error: StoreError| (format!("{what}: {error}"), String::new());
    let written = store.add_test_user(&user).await;
    written.map_err(|error| of_database("a user cannot be written for the test", error))?;
    let access = ask(server, secret, &user.username).await;
    // Also after a failure; if the row stays, it has expired a minute later.
    let removed = store.remove_test_user(&user).await;
    if let Access::Rejected(reason) = access? {
        let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
        let detail = format!(
            "{server} refuses a user that was just written to radcheck ({}): it reads another \
             database, or may not read this one",
            reason.trim()
        );
        let hint = "Compare settings.conf with database.url, and run freeradius -CX";
        return Err((detail, hint.to_owned()));
    }
    removed.map_err(|error| of_database("the test's user cannot be removed", error))
}

/// Asks about a user; fails unless routers trust the answer.
async fn ask(server: SocketAddr, secret: &Secret, name: &str) -> Result<Access, Fault> {
    let answer = client::access(server, secret, name, name).await;
    let answer = answer.map_err(|error| {
        let hint = match error {
            RadiusError::Silent(_) | RadiusError::NotAuthentic(_) => {
                "Compare radius.secret with FreeRADIUS's client for this machine"
            }
            RadiusError::Closed(_) => "Is FreeRADIUS running?",
            RadiusError::Unreachable(..) => "Compare radius.server with FreeRADIUS's address",
            RadiusError::Unsealed(_) => "",
        };
        (error.to_string(), hint.to_owned())
    })?;
    if answer.seal == AuthenticatorPlace::First {
        return Ok(answer.access);
    }
    let detail = format!(
        "the Message-Authenticator is not the first attribute of {server}'s answers, as \
         protection from Blast-RADIUS wants it (RouterOS 7.15 and later insist on \
         Message-Authenticator)"
    );
    let hint = "Put this version's deploy/freeradius/*.conf in place and restart FreeRADIUS";
    Err((detail, hint.to_owned()))
}

/// A user that FreeRADIUS accepts for a minute, in case it is left behind.
fn test_user() -> RadiusUser {
    let username = random_name();
    #[expect(
        clippy::disallowed_methods,
        reason = "FreeRADIUS compares it with its own clock"
    )]
    let expires_at = Utc::now() + TEST_USER_VALID;
    let check = |name, value| Attribute {
        name,
        op: ":=",
        value,
    };
    RadiusUser {
        checks: vec![
            check("Cleartext-Password", username.clone()),
            check("Expiration", expires_at.timestamp().to_string()),
        ],
        username,
        replies: Vec::new(),
        group: String::new(),
    }
}

/// No voucher has such a name.
fn random_name() -> String {
    format!("malipo-check-{}", Uuid::new_v4().simple())
}

/// Whether FreeRADIUS finds the row of each router: those of malipo it does, those that were written by hand
/// perhaps not.
pub(super) async fn routers(store: &Store) -> Finding {
    const CHECK: &str = "routers";
    match store.routers_never_found().await {
        Ok(lost) if lost.is_empty() => Finding::ok(CHECK, "FreeRADIUS finds each router's row"),
        Ok(lost) => Finding::failed(
            CHECK,
            format!(
                "FreeRADIUS never finds, and so never answers, {}: the row in nas was written by hand, as a name, a \
                 network or an unusual spelling",
                lost.join(", ")
            ),
            "Remove it, and add the router again: malipo router remove NAME; malipo router add ADDRESS --name NAME",
        ),
        Err(error) => Finding::failed(CHECK, error.to_string(), ""),
    }
}

/// Whether each router has reported a session in the last day: without that, used time and data are
/// not counted, and a code may be used by any number of devices. A router without log-ins may
/// be new.
pub(super) async fn accounting(store: &Store) -> Finding {
    const CHECK: &str = "accounting";
    let examined = examine_accounting(store).await;
    examined.unwrap_or_else(|error| Finding::skipped(CHECK, error.to_string()))
}

async fn examine_accounting(store: &Store) -> Result<Finding, StoreError> {
    const CHECK: &str = "accounting";
    const HINT: &str = "Switch RADIUS accounting on in the hotspot's server profile (MikroTik: radius-accounting=yes)";
    let now = store.now().await?;
    let since = now - ACCOUNTED_WITHIN;
    let routers = store.routers().await?;
    if routers.is_empty() {
        return Ok(Finding::skipped(
            CHECK,
            "no router is known; see `malipo router add`",
        ));
    }
    let unaccounted = store.unaccounted_routers(now).await?;
    if !unaccounted.is_empty() {
        let names: Vec<_> = unaccounted.iter().map(|router| router.label()).collect();
        let detail = format!(
            "codes are let in and no session is reported by {}: used time and data are not \
             counted, and a code works on any number of devices",
            names.join(", ")
        );
        return Ok(Finding::failed(CHECK, detail, HINT));
    }
    let reports = store.last_accounting(since).await?;
    let routers = routers.iter();
    let silent = routers.filter(|router| !has_reported(&router.address, &reports, since));
    let silent: Vec<_> = silent.map(|router| router.name.as_str()).collect();
    if silent.is_empty() {
        return Ok(Finding::ok(
            CHECK,
            "each router has reported a session in the last day",
        ));
    }
    let detail = format!(
        "no session was reported in the last day by {}",
        silent.join(", ")
    );
    let hint = "Buy a voucher there as a guest; the console's Routers says what is wrong";
    Ok(Finding::warning(CHECK, detail, hint))
}

/// A router that is a network or a name is any router.
fn has_reported(address: &str, reports: &[(String, i64)], since: DateTime<Utc>) -> bool {
    let is_one = address.parse::<IpAddr>().is_ok();
    let of_it = |from: &str| !is_one || from == address;
    let mut lately = reports.iter().filter(|(_, at)| *at >= since.timestamp());
    lately.any(|(from, _)| of_it(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_counts_by_its_own_address_and_a_network_by_any() {
        let since = DateTime::from_timestamp(1_000, 0).unwrap();
        let reports = [("10.0.0.1".to_owned(), 2_000), ("10.0.0.2".to_owned(), 900)];

        assert!(has_reported("10.0.0.1", &reports, since));
        assert!(!has_reported("10.0.0.2", &reports, since));
        assert!(!has_reported("10.0.0.3", &reports, since));
        assert!(has_reported("10.0.0.0/24", &reports, since));
        assert!(!has_reported("10.0.0.0/24", &[], since));
    }
}
