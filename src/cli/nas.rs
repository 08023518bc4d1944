//! `malipo nas`: which routers may ask FreeRADIUS. Works beside a running server.

use clap::Subcommand;

use super::Failure;
use super::operator::open;
use crate::app::radius_address;
use crate::config::Config;
use crate::domain::access::router::NewRouter;
use crate::domain::people::secret::Secret;
use crate::radius::{fresh_secret, mikrotik};
use crate::store::Store;

/// As what acts from here stand in the audit log.
const HERE: &str = "command line";

#[derive(Subcommand)]
pub(super) enum Act {
    /// Let a router ask FreeRADIUS, and print what is pasted into it
    Add {
        /// From where its packets come, as in 10.0.0.1
        address: String,
        /// What people call it
        #[arg(long)]
        name: String,
        /// What it shares with FreeRADIUS; a fresh one without
        #[arg(long)]
        secret: Option<String>,
        /// Where it listens for Disconnect-Requests
        #[arg(long, value_name = "PORT")]
        coa_port: Option<u32>,
    },
    /// Show all routers
    List,
    /// Take a router out
    Remove {
        /// As it was added
        address: String,
    },
}

pub(super) async fn act(config: &Config, act: Act) -> Result<(), Failure> {
    let store = open(config).await?;
    match act {
        Act::Add {
            address,
            name,
            secret,
            coa_port,
        } => {
            let secret = secret.map_or_else(fresh_secret, Secret::new);
            let new = NewRouter::parse(&address, &name, secret, coa_port)
                .map_err(|fault| Failure::Nas(fault.to_string()))?;
            add(config, &store, new).await
        }
        Act::List => list(&store).await,
        Act::Remove { address } => remove(&store, address.trim()).await,
    }
}

async fn add(config: &Config, store: &Store, new: NewRouter) -> Result<(), Failure> {
    let address = new.address;
    let added = store.add_router(new, HERE).await.map_err(failed)?;
    let router =
        added.ok_or_else(|| Failure::Nas(format!("there is a router at {address} already")))?;
    // The script alone on standard output, so that it can be piped to where it belongs.
    eprintln!("{} may ask FreeRADIUS; for a MikroTik:", router.name);
    let server = radius_address(config);
    print!("{}", mikrotik::script(&router, server.as_deref()));
    Ok(())
}

async fn list(store: &Store) -> Result<(), Failure> {
    println!(
        "{:>5}  {:20} {:20} {:>8}",
        "id", "address", "name", "coa port"
    );
    for router in store.routers().await.map_err(failed)? {
        println!(
            "{:>5}  {:20} {:20} {:>8}",
            router.id, router.address, router.name, router.coa_port
        );
    }
    Ok(())
}

async fn remove(store: &Store, address: &str) -> Result<(), Failure> {
    let routers = store.routers().await.map_err(failed)?;
    let mut removed = 0;
    for router in routers.iter().filter(|router| router.address == address) {
        let gone = store.remove_router(router.id, HERE).await;
        removed += usize::from(gone.map_err(failed)?.is_some());
    }
    if removed == 0 {
        return Err(Failure::Nas(format!("there is no router at {address}")));
    }
    println!("{address} is out; FreeRADIUS forgets it within a minute");
    Ok(())
}

fn failed(error: crate::store::StoreError) -> Failure {
    Failure::Nas(error.to_string())
}
