//! The database, its files and its clock.

use std::error::Error;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use uuid::Uuid;

use super::front::LOOK_AT_DATABASE;
use super::gateway;
use crate::config::{Config, Mode};
use crate::domain::health::Finding;
use crate::store::{Store, StoreError, exposed};

/// Clocks that differ by more make leases and expiry times doubtful.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(2);
/// By a clock that differs by more from ZenoPay's nothing is sold.
const GATEWAY_TOLERANCE: TimeDelta = TimeDelta::minutes(2);
/// A row that is dated later than now by more was written by a clock that was ahead.
const FUTURE: TimeDelta = TimeDelta::seconds(60);

/// SQLite's files hold every guest's phone and code.
pub(super) fn files(config: &Config) -> Finding {
    match exposed(&config.database) {
        Some(why) => Finding::failed("files", why, ""),
        None => Finding::ok("files", "the database's files are not open to others"),
    }
}

pub(super) fn unreachable(error: &StoreError) -> Finding {
    let hint = "Compare database.url with the server's; is the database running, and may this user log in?";
    Finding::failed("database", error.to_string(), hint)
}

pub(super) async fn database(config: &Config, store: &Store) -> Finding {
    let examined = examine(config, store).await;
    examined.unwrap_or_else(|error| {
        let hint = "`malipo migrate status` shows whether the schema can be read";
        Finding::failed("database", error.to_string(), hint)
    })
}

async fn examine(config: &Config, store: &Store) -> Result<Finding, Box<dyn Error>> {
    let (is_replica, is_read_only) = store.state().await?;
    if is_replica {
        let detail = "is a replica, which takes no writes";
        let hint = "Put the address of the primary into database.url";
        return Ok(Finding::failed("database", detail, hint));
    }
    if is_read_only {
        let detail = "is read-only";
        let hint =
            "Look at default_transaction_read_only, and whether a fail-over has just happened";
        return Ok(Finding::failed("database", detail, hint));
    }
    let encoding = store.encoding().await?;
    if !["UTF8", "UTF-8", "UTF-16le", "UTF-16be"].contains(&encoding.as_str()) {
        let detail = format!("its encoding is {encoding}: names would be refused");
        let hint = "Make a new database with ENCODING 'UTF8', and move the data with pg_dump";
        return Ok(Finding::failed("database", detail, hint));
    }
    let steps = migration::status(config.database.url.expose()).await?;
    let pending = steps.iter().filter(|step| !step.applied).count();
    if pending > 0 {
        let detail = format!("{pending} of {} migrations are missing", steps.len());
        let hint = "Start this version of malipo, or run `malipo migrate`; if it runs already, this is not its database: use the server's config.toml and environment";
        return Ok(Finding::failed("database", detail, hint));
    }
    if let Err(error) = write(store).await {
        let hint = "Look for a full disk, a lock, or a user without the right to write";
        return Ok(Finding::failed(
            "database",
            format!("cannot be written: {error}"),
            hint,
        ));
    }
    if config.zenopay.mode == Mode::Live && store.simulated_payments().await? > 0 {
        let detail = "is a sandbox's: it has simulated payments, which live mode refuses";
        let hint = "Put another database into database.url, or start once with `malipo serve --adopt-sandbox`";
        return Ok(Finding::failed("database", detail, hint));
    }
    if config.zenopay.mode == Mode::Sandbox && store.live_since().await?.is_some() {
        let detail = "is one of live mode, which a sandbox may not use";
        let hint = "Put another database into database.url, or set zenopay.mode to live";
        return Ok(Finding::failed("database", detail, hint));
    }
    Ok(Finding::ok(
        "database",
        "answers, is migrated and can be written",
    ))
}

/// A row that is deleted again.
async fn write(store: &Store) -> Result<(), StoreError> {
    let nonce = Uuid::new_v4().to_string();
    store.announce_call(&nonce).await?;
    store.end_call(&nonce).await.map(drop)
}

/// The database's clock against this machine's or ZenoPay's, and against the newest row.
pub(super) async fn clock(config: &Config, store: &Store) -> Finding {
    const CHECK: &str = "clock";
    let examined = async {
        let theirs = store.now().await?;
        Ok::<_, StoreError>((theirs, store.newest_row().await?))
    };
    let (theirs, newest) = match examined.await {
        Ok(examined) => examined,
        Err(error) => {
            let detail = format!("the times in the database cannot be read: {error}");
            return Finding::failed(CHECK, detail, LOOK_AT_DATABASE);
        }
    };
    #[expect(clippy::disallowed_methods, reason = "this clock is what is checked")]
    let here = Utc::now();
    let mut compared = Vec::new();
    // SQLite has no clock of its own.
    if store.is_server() {
        compared.push((theirs - here, CLOCK_TOLERANCE, "the database's"));
    }
    if let Some(gateway) = gateway::time(config).await {
        compared.push((theirs - gateway, GATEWAY_TOLERANCE, "ZenoPay's"));
    }
    for (apart, tolerance, whose) in &compared {
        if apart.abs() > *tolerance {
            let detail = format!("{} s apart from {whose}", apart.abs().num_seconds());
            return Finding::failed(CHECK, detail, "Set all clocks by NTP");
        }
    }
    if let Some(finding) = newest.and_then(|newest| ahead(newest, theirs)) {
        return finding;
    }
    let parts = compared.iter().map(|(apart, _, whose)| {
        let ms = apart.abs().num_milliseconds();
        format!("{ms} ms apart from {whose}")
    });
    let parts: Vec<_> = parts.collect();
    match parts.is_empty() {
        true => Finding::ok(
            CHECK,
            "no row lies in the future; there is no other clock to compare with",
        ),
        false => Finding::ok(CHECK, parts.join(", ")),
    }
}

/// A warning about a row that lies in the future.
fn ahead(newest: DateTime<Utc>, now: DateTime<Utc>) -> Option<Finding> {
    let by = newest - now;
    (by > FUTURE).then(|| {
        let at = newest.to_rfc3339_opts(SecondsFormat::Secs, true);
        let detail = format!(
            "the newest row is of {at}, {} min in the future: the clock is behind, or was ahead then",
            by.num_minutes()
        );
        let hint = "Compare the clock with another one; if it is right now, nothing is to be done";
        Finding::warning("clock", detail, hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_row_of_more_than_a_minute_ahead_is_in_the_future() {
        let now = DateTime::UNIX_EPOCH;

        assert_eq!(ahead(now - TimeDelta::days(300), now), None);
        assert_eq!(ahead(now + TimeDelta::seconds(60), now), None);
        let finding = ahead(now + TimeDelta::days(14), now).unwrap();
        assert!(finding.detail.contains("20160 min"), "{}", finding.detail);
    }
}
