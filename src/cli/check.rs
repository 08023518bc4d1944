//! `malipo check`: checks everything that the server needs, a line each. A failure says what to do.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use uuid::Uuid;

use super::command::Done;
use crate::config::{Config, Mode};
use crate::domain::access::{Attribute, RadiusUser};
use crate::domain::order::OrderId;
use crate::domain::people::Secret;
use crate::gateways::zenopay::client::Client;
use crate::gateways::zenopay::wire::{StatusAnswer, Why};
use crate::radius::client::{self, Access, RadiusError};
use crate::radius::packet::AuthenticatorPlace;
use crate::sms;
use crate::store::{Store, exposed};

/// Clocks that differ by more make leases and expiry times doubtful.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);
/// How long FreeRADIUS accepts the test's user; longer than the test takes.
const TEST_USER_VALID: Duration = Duration::from_secs(60);

type Finding = Result<String, Box<dyn Error>>;

pub(super) async fn check(config: &Config) -> Done {
    let mut all_ok = true;
    let mut report = |name: &str, finding: Finding| match finding {
        Ok(text) => println!("ok    {name:9} {text}"),
        Err(error) => {
            all_ok = false;
            println!("FAIL  {name:9} {error}");
        }
    };
    // Reading the configuration has checked it.
    report("config", Ok("every key is understood".to_owned()));
    report("files", files(config));
    let store = Store::open_beside(&config.database).await;
    match &store {
        Ok(store) => {
            report("database", database(config, store).await);
            report("clock", clock(store).await);
            report_outbox(store).await;
        }
        Err(error) => report("database", Err(error.to_string().into())),
    }
    report("zenopay", zenopay(config).await);
    report("radius", radius(config, store.as_ref().ok()).await);
    report("sms", sms_provider(config).await);
    if all_ok {
        return Ok(());
    }
    Err("at least one check failed; see the lines above".into())
}

/// SQLite's files hold every guest's phone and code.
fn files(config: &Config) -> Finding {
    match exposed(&config.database) {
        Some(why) => Err(why.into()),
        None => Ok("the database's files are not open to others".to_owned()),
    }
}

async fn database(config: &Config, store: &Store) -> Finding {
    store.ping().await?;
    let steps = migration::status(config.database.url.expose()).await?;
    let pending = steps.iter().filter(|step| !step.applied).count();
    if pending > 0 && !config.database.auto_migrate {
        return Err(format!("{pending} migrations are missing; run `malipo migrate`").into());
    }
    let applied = steps.len() - pending;
    Ok(format!(
        "answers; {applied} migrations applied, {pending} to come"
    ))
}

/// Held messages are no fault: they wait for an admin's decision.
async fn report_outbox(store: &Store) {
    // Before the migration nothing can be held.
    match store.outbox_hold().await.ok().flatten() {
        None => println!("ok    outbox    nothing is held back"),
        Some(hold) => println!(
            "warn  outbox    {} are held back since the backup was restored at {}; send or drop them in the console",
            hold.describe(),
            hold.since.to_rfc3339_opts(SecondsFormat::Secs, true)
        ),
    }
}

async fn clock(store: &Store) -> Finding {
    let theirs = store.now().await?;
    #[expect(clippy::disallowed_methods, reason = "this clock is what is checked")]
    let apart = (Utc::now() - theirs).abs().to_std().unwrap_or_default();
    if apart > CLOCK_TOLERANCE {
        return Err(format!("{apart:?} apart from the database's; set both by NTP").into());
    }
    let ms = apart.as_millis();
    Ok(format!("{ms} ms apart from the database's"))
}

/// Sends nothing: asks for the balance where the provider has such a call.
async fn sms_provider(config: &Config) -> Finding {
    let carrier = sms::carrier(&config.sms, config.zenopay.key(), config.zenopay.mode)?;
    Ok(carrier.check().await?)
}

/// Asks about an order that cannot exist: moves no money, and shows whether the key is accepted.
async fn zenopay(config: &Config) -> Finding {
    if config.zenopay.mode == Mode::Sandbox {
        return Ok("simulated in the process".to_owned());
    }
    let create_timeout = Duration::from_millis(config.zenopay.create_timeout_ms);
    let base_url = config.zenopay.base_url.clone();
    let client = Client::new(base_url, config.zenopay.key(), create_timeout)?;
    match client.order_status(OrderId(Uuid::nil())).await.0 {
        StatusAnswer::Known(_) | StatusAnswer::Unknown(Why::NotFound | Why::NotOurs) => {
            Ok("answers, and knows the key".to_owned())
        }
        StatusAnswer::Unknown(Why::HttpStatus(401 | 403)) => Err("refuses zenopay.api_key".into()),
        StatusAnswer::Unknown(why) => Err(why.into()),
    }
}

/// Asks FreeRADIUS about a user that is written for the test, and about one that does not exist.
/// Routers must be able to trust both answers.
async fn radius(config: &Config, store: Option<&Store>) -> Finding {
    let (Some(server), Some(secret)) = (config.radius.server, &config.radius.secret) else {
        return Ok("radius.server is not set: no voucher is tested".to_owned());
    };
    if ask_radius(server, secret, &random_name()).await? == Access::Accepted {
        return Err(format!("{server} accepts an unknown user").into());
    }
    let Some(store) = store else {
        return Err(
            "rejects an unknown user; without the database no voucher can be tested".into(),
        );
    };
    let user = test_user();
    let not_written = |error| format!("a user cannot be written for the test: {error}");
    store.add_test_user(&user).await.map_err(not_written)?;
    let access = ask_radius(server, secret, &user.username).await;
    // Also after a failure; if the row stays, it has expired a minute later.
    let removed = store.remove_test_user(&user).await;
    if let Access::Rejected(reason) = access? {
        let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
        return Err(format!(
            "{server} refuses a user that was just written to radcheck ({}): it reads another \
             database, or may not read this one; compare settings.conf with database.url, and \
             run freeradius -CX",
            reason.trim()
        )
        .into());
    }
    removed.map_err(|error| format!("the test's user cannot be removed: {error}"))?;
    Ok("accepts a user of our database and rejects an unknown one, both answers signed".to_owned())
}

/// Asks about a user; fails unless routers trust the answer.
async fn ask_radius(server: SocketAddr, secret: &Secret, name: &str) -> Result<Access, String> {
    let answer = client::access(server, secret, name, name).await;
    let answer = answer.map_err(|error| match error {
        RadiusError::Silent(_) => {
            format!("{error}; compare radius.secret with FreeRADIUS's client for this machine")
        }
        RadiusError::Closed(_) => format!("{error}; is FreeRADIUS running?"),
        RadiusError::NotAuthentic(_) | RadiusError::Unsealed(_) | RadiusError::Unreachable(..) => {
            error.to_string()
        }
    })?;
    if answer.seal == AuthenticatorPlace::First {
        return Ok(answer.access);
    }
    Err(format!(
        "the Message-Authenticator is not the first attribute of {server}'s answers, as \
         protection from Blast-RADIUS wants it (RouterOS 7.15 and later insist on \
         Message-Authenticator); put this version's deploy/freeradius/*.conf in place and \
         restart FreeRADIUS"
    ))
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
