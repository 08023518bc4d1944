//! `malipo migrate`, `malipo operator` and `malipo nas`: the schema, the operators, and the routers
//! that may ask FreeRADIUS. All of them work beside a running server.

use std::error::Error;
use std::net::IpAddr;

use clap::{Subcommand, ValueEnum};

use super::command::{Done, print};
use crate::app::radius_address;
use crate::config::{Config, ConfigError, Mode};
use crate::domain::access::NewRouter;
use crate::domain::people::{Operator, Role, Secret, read_name};
use crate::radius::client::is_heard;
use crate::radius::{fresh_secret, mikrotik};
use crate::store::{Adopted, Store};
use crate::supervisor::Supervisor;

/// The operator's name in the audit log for what is done here.
const COMMAND_LINE: &str = "command line";

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

#[derive(Subcommand)]
pub(super) enum NasCommand {
    /// Add a router and print the script to paste into it
    Add {
        /// Where its packets come from, as in 10.0.0.1
        address: String,
        /// A name for people
        #[arg(long)]
        name: String,
        /// What it shares with FreeRADIUS; by default a random one
        #[arg(long)]
        secret: Option<String>,
        /// Where it listens for Disconnect-Requests
        #[arg(long, value_name = "PORT")]
        coa_port: Option<u32>,
        /// Answer only log-ins with a Message-Authenticator (RouterOS sends it from 7.15 on)
        #[arg(long)]
        require_message_auth: bool,
    },
    /// List all routers
    List,
    /// Remove a router
    Remove {
        /// As it was added
        address: String,
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

pub(super) async fn nas(config: &Config, command: NasCommand) -> Done {
    let store = open(config).await?;
    match command {
        NasCommand::Add {
            address,
            name,
            secret,
            coa_port,
            require_message_auth,
        } => {
            let secret = secret.map_or_else(fresh_secret, Secret::new);
            let new = NewRouter {
                require_message_auth,
                ..NewRouter::parse(&address, &name, secret, coa_port)?
            };
            is_heard(&new, config.radius.server).await?;
            let taken = format!("there is a router at {} already", new.address);
            let added = store.add_router(new, COMMAND_LINE).await?;
            let router = added.ok_or(taken)?;
            // The script alone on standard output, so that it can be piped.
            eprintln!("{} may ask FreeRADIUS; for a MikroTik:", router.name);
            let server = radius_address(config);
            print(mikrotik::script(&router, server.as_deref()))?;
        }
        NasCommand::List => {
            let [id, address, name, port, log_ins] =
                ["id", "address", "name", "coa port", "log-ins"];
            let mut table = format!("{id:>5}  {address:20} {name:20} {port:>8}  {log_ins}\n");
            for router in store.routers().await? {
                let log_ins = match router.require_message_auth {
                    true => "signed only",
                    false => "any",
                };
                table += &format!(
                    "{:>5}  {:20} {:20} {:>8}  {log_ins}\n",
                    router.id, router.address, router.name, router.coa_port
                );
            }
            print(table)?;
        }
        NasCommand::Remove { address } => {
            // An IPv6 address has many spellings, and the table has the usual one.
            let address = match address.trim().parse::<IpAddr>() {
                Ok(parsed) => parsed.to_string(),
                Err(_) => address.trim().to_owned(),
            };
            let mut routers = store.routers().await?;
            routers.retain(|router| router.address == address);
            if routers.is_empty() {
                return Err(format!("there is no router at {address}").into());
            }
            for router in routers {
                store.remove_router(router.id, COMMAND_LINE).await?;
            }
            let removed = format!("{address} is removed; FreeRADIUS forgets it within a minute\n");
            print(removed)?;
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
async fn open(config: &Config) -> Result<Store, Box<dyn Error>> {
    if config.database.auto_migrate {
        migration::up(config.database.url.expose()).await?;
    }
    Ok(Store::open_beside(&config.database).await?)
}
