//! `malipo migrate`: the schema. It works beside a running server. And what other commands share.

use std::error::Error;

use clap::ValueEnum;

use super::command::{Done, print};
use crate::config::Config;
use crate::store::Store;

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

/// Opens the database, which may be new: an operator can be added before the first start.
pub(super) async fn open(config: &Config) -> Result<Store, Box<dyn Error>> {
    if config.database.auto_migrate {
        migration::up(config.database.url.expose()).await?;
    }
    Ok(Store::open_beside(&config.database).await?)
}
