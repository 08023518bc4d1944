//! `malipo router`: the routers that may ask FreeRADIUS, and the script for each. It works beside a
//! running server.

use std::fs;
use std::io::{self, BufRead};

use clap::{Args, Subcommand};
use url::Url;

use super::admin::{COMMAND_LINE, open};
use super::command::{Done, print};
use crate::app::radius_address;
use crate::config::Config;
use crate::domain::access::{NewRouter, NotARouter, Router, RouterAddress, RouterKind};
use crate::domain::people::Secret;
use crate::radius::client::is_heard;
use crate::radius::mikrotik::MikroTik;
use crate::radius::{fresh_secret, mikrotik, wireguard};
use crate::store::Store;

#[derive(Subcommand)]
pub(super) enum RouterCommand {
    /// Add a router; for a MikroTik, print the script to paste into it
    Add(NewOptions),
    /// List all routers
    List,
    /// Remove a router
    Remove {
        /// Its name, or the address of all that are to be removed
        router: String,
    },
    /// Print the script of a MikroTik again, with its secret
    Script {
        /// Its name
        name: String,
        /// The router is behind NAT: give it a tunnel (WireGuard, RouterOS 7), and print both ends. From
        /// then on FreeRADIUS knows it by its address in the tunnel
        #[arg(long)]
        wireguard: bool,
    },
}

#[derive(Args)]
pub(super) struct NewOptions {
    /// Where its packets come from: an address, a network as in 10.0.0.0/24, or `any`
    address: String,
    /// A name for people
    #[arg(long)]
    name: String,
    /// What it shares with FreeRADIUS: `-` reads it from standard input, because other users of this
    /// machine can see the arguments of a command. By default a random one, or that of the routers
    /// at the same address
    #[arg(long)]
    secret: Option<String>,
    /// Its NAS-Identifier, by which routers behind one address are told apart; by default its name
    #[arg(long, value_name = "ID")]
    identifier: Option<String>,
    /// mikrotik, chilli, opennds or other
    #[arg(long = "type", value_name = "TYPE", default_value = "mikrotik", value_parser = kind)]
    kind: RouterKind,
    /// Where it listens for Disconnect-Requests
    #[arg(long, value_name = "PORT")]
    coa_port: Option<u32>,
    /// Answer only log-ins with a Message-Authenticator (RouterOS sends it from 7.15 on)
    #[arg(long)]
    require_message_auth: bool,
}

fn kind(word: &str) -> Result<RouterKind, NotARouter> {
    word.parse().map_err(|_| NotARouter::Kind)
}

pub(super) async fn router(config: &Config, command: RouterCommand) -> Done {
    let store = open(config).await?;
    match command {
        RouterCommand::Add(options) => add(config, &store, options).await,
        RouterCommand::List => list(&store).await,
        RouterCommand::Remove { router } => remove(&store, &router).await,
        RouterCommand::Script { name, wireguard } => {
            let router = named(&store, &name).await?;
            if !router.kind.has_script() {
                let kind = router.kind.as_str();
                return Err(format!("{name} is no MikroTik: see deploy/{kind}/README.md").into());
            }
            if wireguard {
                return tunnel(config, &store, router).await;
            }
            let server = match store.tunnel_server(router.id).await? {
                Some(inside) => Some(inside.to_string()),
                None => radius_address(config),
            };
            print(script(config, &router, server.as_deref()))?;
            Ok(())
        }
    }
}

async fn add(config: &Config, store: &Store, options: NewOptions) -> Done {
    let given = match options.secret.as_deref() {
        Some("-") => Some(Secret::new(first_line()?)),
        given => given.map(Secret::new),
    };
    let secret = match given {
        Some(secret) => secret,
        None => {
            Router::secret_at(store.routers().await?, &options.address).unwrap_or_else(fresh_secret)
        }
    };
    let new = NewRouter::parse(&options.address, &options.name, secret, options.coa_port)?;
    let new = NewRouter {
        kind: options.kind,
        require_message_auth: options.require_message_auth,
        ..new.known_as(options.identifier.as_deref())?
    };
    is_heard(&new, config.radius.server).await?;
    let router = store.add_router(new, COMMAND_LINE).await??;
    let name = &router.name;
    if !router.kind.has_script() {
        let kind = router.kind.as_str();
        eprintln!(
            "{name} may ask FreeRADIUS; deploy/{kind}/README.md has its settings. Its secret:"
        );
        print(format!("{}\n", router.secret.expose()))?;
        return Ok(());
    }
    // The script alone on standard output, so that it can be piped.
    eprintln!("{name} may ask FreeRADIUS; for a MikroTik:");
    print(script(config, &router, radius_address(config).as_deref()))?;
    Ok(())
}

fn first_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

fn script(config: &Config, router: &Router, radius_server: Option<&str>) -> String {
    let portal = config.server.public_url.as_ref();
    if portal.is_none() {
        eprintln!(
            "server.public_url is not set, so this script does not work yet: set it, restart malipo, and \
             print this again with `malipoctl router script {}`",
            router.name
        );
    }
    mikrotik::script(&MikroTik {
        router,
        radius_server,
        portal: portal.map_or("https://ADDRESS-OF-THE-PORTAL", Url::as_str),
        portal_addresses: &portal.map(mikrotik::fixed_address).unwrap_or_default(),
    })
}

/// Both ends of a router's tunnel, and its script for that.
async fn tunnel(config: &Config, store: &Store, router: Router) -> Done {
    let keys = [wireguard::fresh_key(), wireguard::fresh_key()];
    // Elsewhere than on Linux there is no such file.
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    if let Some(network) = wireguard::overlap(&routes) {
        let why = "tunnels have the addresses of 10.213.0.0/16, which this machine has in another network";
        return Err(format!("{why}: {network}; that network needs other addresses first").into());
    }
    let keys = store.add_tunnel(&router, keys, COMMAND_LINE).await??;
    let mut ends = keys.routers.iter();
    let own = ends.find(|tunnel| tunnel.router_id == router.id);
    let own = own.ok_or("the router was removed")?;
    let router = Router {
        address: own.address.to_string(),
        ..router
    };
    eprintln!(
        "FreeRADIUS knows {} as {} from now on: it is answered only through the tunnel",
        router.name, router.address
    );
    let outside = radius_address(config);
    let outside = outside.as_deref().unwrap_or("ADDRESS-OF-THE-SERVER");
    let inside = keys.server.address.to_string();
    print(format!(
        "# The server: /etc/wireguard/malipo.conf, with all routers (chmod 600); then\n\
         # systemctl enable wg-quick@malipo && systemctl restart wg-quick@malipo\n\
         {server}\n\
         # The router: paste this into its terminal.\n\
         {lines}{script}",
        server = wireguard::server_file(&keys),
        lines = wireguard::router_lines(&keys, own, outside, router.coa_port),
        script = script(config, &router, Some(&inside)),
    ))?;
    Ok(())
}

async fn list(store: &Store) -> Done {
    let [id, address, name, kind, port, log_ins, identifier] = [
        "id",
        "address",
        "name",
        "type",
        "coa port",
        "log-ins",
        "identifier",
    ];
    let mut table =
        format!("{id:>5}  {address:20} {name:20} {kind:8} {port:>8}  {log_ins:11}  {identifier}\n");
    for router in store.routers().await? {
        let log_ins = match router.require_message_auth {
            true => "signed only",
            false => "any",
        };
        let line = format!(
            "{:>5}  {:20} {:20} {:8} {:>8}  {log_ins:11}  {}",
            router.id,
            router.address,
            router.name,
            router.kind.as_str(),
            router.coa_port,
            router.identifier.as_deref().unwrap_or_default(),
        );
        table += line.trim_end();
        table.push('\n');
    }
    print(table)?;
    Ok(())
}

async fn remove(store: &Store, router: &str) -> Done {
    let router = router.trim();
    // An address has many spellings, and the table has the usual one.
    let address = router
        .parse()
        .map_or(router.to_owned(), |address: RouterAddress| {
            address.to_string()
        });
    let routers = store.routers().await?;
    let has_name = routers.iter().any(|it| it.name == router);
    let is_named = |it: &&Router| match has_name {
        true => it.name == router,
        false => it.address == address,
    };
    let named: Vec<_> = routers.iter().filter(is_named).collect();
    if named.is_empty() {
        return Err(format!("there is no router {router}").into());
    }
    for router in named {
        store.remove_router(router.id, COMMAND_LINE, None).await?;
    }
    let removed = format!("{router} is removed; FreeRADIUS forgets it within a minute\n");
    print(removed)?;
    Ok(())
}

async fn named(store: &Store, name: &str) -> Result<Router, Box<dyn std::error::Error>> {
    let mut routers = store.routers().await?;
    routers.retain(|router| router.name == name);
    match routers.len() {
        0 => Err(format!("there is no router {name}; see `malipo router list`").into()),
        1 => Ok(routers.remove(0)),
        _ => Err(format!("several routers have the name {name}").into()),
    }
}
