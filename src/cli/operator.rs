//! `malipo operator`: who may look and act. Works beside a running server.

use clap::Subcommand;

use super::{Failure, not_migrated};
use crate::config::Config;
use crate::domain::people::operator::{Operator, Role, read_name};
use crate::store::Store;

#[derive(Subcommand)]
pub(super) enum Act {
    /// Take an operator on and print the bearer token, once
    Add {
        /// One word, as it will stand in the audit log
        #[arg(value_parser = read_name)]
        name: String,
        /// viewer (looks, masked) or admin (acts)
        #[arg(long, value_name = "viewer|admin")]
        role: Role,
    },
    /// End an operator's token and sessions, at once
    Disable {
        /// As it was added
        name: String,
    },
}

pub(super) async fn act(config: &Config, act: Act) -> Result<(), Failure> {
    let store = open(config).await?;
    match act {
        Act::Add { name, role } => add(&store, name, role).await,
        Act::Disable { name } => disable(&store, name).await,
    }
}

async fn add(store: &Store, name: String, role: Role) -> Result<(), Failure> {
    let operator = Operator {
        name: name.clone(),
        role,
    };
    let token = store
        .add_operator(operator, None)
        .await
        .map_err(Failure::Operator)?
        .ok_or_else(|| Failure::NameTaken(name.clone()))?;
    // The token alone on standard output, so that it can be piped to where it belongs.
    eprintln!("{name} is {}; the token, shown once:", role.as_str());
    println!("{}", token.expose());
    Ok(())
}

async fn disable(store: &Store, name: String) -> Result<(), Failure> {
    let disabled = store
        .disable_operator(&name, None)
        .await
        .map_err(Failure::Operator)?;
    if !disabled {
        return Err(Failure::NoSuchOperator(name));
    }
    println!("{name} is out");
    Ok(())
}

/// The database, which may be new: an operator can be added before the first start.
pub(super) async fn open(config: &Config) -> Result<Store, Failure> {
    if config.database.auto_migrate {
        migration::up(config.database.url.expose())
            .await
            .map_err(not_migrated)?;
    }
    Store::open_beside(&config.database)
        .await
        .map_err(Failure::Operator)
}
