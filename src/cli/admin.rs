//! `malipo migrate`, which works beside a running server, and `--adopt-sandbox`; and what other commands
//! share.

use std::error::Error;

use clap::ValueEnum;

use super::command::{Done, print};
use crate::config::{Config, ConfigError, Mode};
use crate::store::{Adopted, Store};
use crate::supervisor::Supervisor;

/// The operator's name in the audit log for what is done here.
pub(super) const COMMAND_LINE: &str = "command line";

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Migrate {
    Up,
    Down,
    Status,
}

pub(super) async fn migrate(config: &Config, to: Migrate) -> Done {
    let url = config.database.url.expose();
    match to {
        Migrate::Up => print(format!(
            "{} migrations applied\n",
            migration::up(url).await?
        ))?,
        Migrate::Down => {
            let reverted = migration::down(url, None).await?;
            print(format!("{reverted} migrations reverted\n"))?;
        }
        Migrate::Status => {
            for step in migration::status(url).await? {
                let state = if step.applied { "applied" } else { "pending" };
                print(format!("{state:8} {}\n", step.name))?;
            }
        }
    }
    Ok(())
}

/// Takes back what a sandbox has given away, so that its database can be served in live mode.
pub(super) async fn adopt_sandbox(config: &Config) -> Done {
    if config.zenopay.mode != Mode::Live {
        let why = "--adopt-sandbox is for live mode; a sandbox keeps its payments";
        return Err(ConfigError::of("zenopay.mode", why).into());
    }
    if config.database.auto_migrate {
        migration::up(config.database.url.expose()).await?;
    }
    // As a server, so that none is running on the same SQLite file.
    let store = Store::open(&config.database, &Supervisor::default()).await?;
    let adopted = match store.simulated_payments().await? {
        0 => None,
        _ => Some(store.adopt_sandbox(COMMAND_LINE).await?),
    };
    store.close().await;
    eprintln!(
        "{}",
        match adopted {
            None => "this database has no simulated payments".to_owned(),
            Some(Adopted { payments, vouchers }) => format!(
                "{payments} simulated payments are cancelled; {vouchers} vouchers of them were valid and are revoked"
            ),
        }
    );
    Ok(())
}

/// Opens the database, which may be new: an operator can be added before the first start.
pub(super) async fn open(config: &Config) -> Result<Store, Box<dyn Error>> {
    if config.database.auto_migrate {
        migration::up(config.database.url.expose()).await?;
    }
    Ok(Store::open_beside(&config.database).await?)
}
