//! `malipo check`: the doctor. A line each; a failure says what to do.

use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use uuid::Uuid;

use super::Failure;
use crate::config::{Config, Mode};
use crate::domain::order::ids::OrderId;
use crate::gateways::zenopay::client::Client;
use crate::gateways::zenopay::wire::{StatusAnswer, Why};
use crate::sms;
use crate::store::{Store, exposed};

mod radius;

/// Clocks that differ by more make leases and expiry times doubtful.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

type Finding = Result<String, String>;

pub(super) async fn check(config: &Config) -> Result<(), Failure> {
    // Reading it has checked it.
    let mut well = report("config", &Ok("every key is understood".to_owned()));
    well &= report("files", &files(config));
    let store = Store::open_beside(&config.database).await;
    match &store {
        Ok(store) => {
            well &= report("database", &database(config, store).await);
            well &= report("clock", &clock(store).await);
            report_outbox(store).await;
        }
        Err(error) => {
            well &= report("database", &Err(error.to_string()));
        }
    }
    well &= report("zenopay", &zenopay(config).await);
    well &= report("radius", &radius::radius(config, store.as_ref().ok()).await);
    well &= report("sms", &carrier(config).await);
    if well { Ok(()) } else { Err(Failure::Check) }
}

fn report(what: &str, finding: &Finding) -> bool {
    match finding {
        Ok(text) => println!("ok    {what:9} {text}"),
        Err(text) => println!("FAIL  {what:9} {text}"),
    }
    finding.is_ok()
}

/// SQLite's files hold every guest's phone and code.
fn files(config: &Config) -> Finding {
    match exposed(&config.database) {
        Some(open) => Err(open),
        None => Ok("the database's files are not open to others".to_owned()),
    }
}

async fn database(config: &Config, store: &Store) -> Finding {
    store.ping().await.map_err(|error| error.to_string())?;
    let steps = migration::status(config.database.url.expose())
        .await
        .map_err(|error| error.to_string())?;
    let pending = steps.iter().filter(|step| !step.applied).count();
    if pending > 0 && !config.database.auto_migrate {
        return Err(format!(
            "{pending} migrations are missing; run `malipo migrate`"
        ));
    }
    Ok(format!(
        "answers; {} migrations applied, {pending} to come",
        steps.len() - pending
    ))
}

/// Not a fault, but it waits for a person.
async fn report_outbox(store: &Store) {
    // A schema that is still to come holds nothing back.
    match store.outbox_hold().await.ok().flatten() {
        None => println!("ok    outbox    nothing is held back"),
        Some(hold) => println!(
            "warn  outbox    {} are held back since the backup was restored at {}; send or drop them in the console",
            hold.told(),
            hold.since.to_rfc3339_opts(SecondsFormat::Secs, true)
        ),
    }
}

async fn clock(store: &Store) -> Finding {
    let theirs = store.now().await.map_err(|error| error.to_string())?;
    #[expect(clippy::disallowed_methods, reason = "the clock that is looked at")]
    let apart = (Utc::now() - theirs).abs().to_std().unwrap_or_default();
    if apart > CLOCK_TOLERANCE {
        return Err(format!(
            "{apart:?} apart from the database's; set both by NTP"
        ));
    }
    Ok(format!(
        "{} ms apart from the database's",
        apart.as_millis()
    ))
}

/// Sends nothing: asks for the balance where the provider tells it.
async fn carrier(config: &Config) -> Finding {
    let carrier = sms::carrier(&config.sms, config.zenopay.key(), config.zenopay.mode)
        .map_err(|error| error.to_string())?;
    carrier.check().await
}

/// Asks about an order that cannot exist: moves no money, and shows whether the key is good.
async fn zenopay(config: &Config) -> Finding {
    if config.zenopay.mode == Mode::Sandbox {
        return Ok("simulated in the process".to_owned());
    }
    let client = Client::new(
        config.zenopay.base_url.clone(),
        config.zenopay.key(),
        config.zenopay.create_timeout(),
    )
    .map_err(|error| error.to_string())?;
    let (answer, _) = client.order_status(OrderId(Uuid::nil())).await;
    match answer {
        StatusAnswer::Known(_) | StatusAnswer::Unknown(Why::NotFound | Why::NotOurs) => {
            Ok("answers, and knows the key".to_owned())
        }
        StatusAnswer::Unknown(Why::HttpStatus(401 | 403)) => {
            Err("refuses zenopay.api_key".to_owned())
        }
        StatusAnswer::Unknown(why) => Err(why.to_string()),
    }
}
