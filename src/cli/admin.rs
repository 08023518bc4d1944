//! `malipo migrate` and `malipo operator`: the schema, and the operators. Both work beside a running
//! server.

use std::error::Error;

use clap::{Subcommand, ValueEnum};

use super::command::{Done, print};
use crate::config::Config;
use crate::domain::people::{Operator, Role, read_name};
use crate::store::Store;

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Migrate {
    Up,
    Down,
    Status,
}

#[derive(Subcommand)]
pub(super) enum OperatorCommand {
    /// Add an operator and print the bearer token, once
    Add {
        /// One word, as it is shown in the audit log
        #[arg(value_parser = read_name)]
        name: String,
        /// viewer (reads, masked) or admin (also acts)
        #[arg(long, value_name = "viewer|admin")]
        role: Role,
    },
    /// End an operator's token and sessions at once
    Disable {
        /// As it was added
        name: String,
    },
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

pub(super) async fn operator(config: &Config, command: OperatorCommand) -> Done {
    let store = open(config).await?;
    match command {
        OperatorCommand::Add { name, role } => {
            let taken = format!(
                "there is a {name} already; `malipo operator disable {name}` first, for a new token"
            );
            let done = format!("{name} is {}; the token, shown once:", role.as_str());
            let added = store.add_operator(Operator { name, role }, None).await?;
            let token = added.ok_or(taken)?;
            // The token alone on standard output, so that it can be piped.
            eprintln!("{done}");
            print(format!("{}\n", token.expose()))?;
        }
        OperatorCommand::Disable { name } => {
            if !store.disable_operator(&name, None).await? {
                return Err(format!("there is no active operator {name}").into());
            }
            print(format!("{name} is disabled\n"))?;
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
