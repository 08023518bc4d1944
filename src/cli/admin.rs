//! `malipo migrate`, which works beside a running server, and `--adopt-sandbox`; and what other commands
//! share.

use std::error::Error;
use std::path::Path;

use clap::ValueEnum;

use super::command::{Done, print};
use crate::config::{Config, ConfigError, Mode, Origin};
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
    // As a server, so that none is running on the same SQLite file, and no sandbox on PostgreSQL.
    let store = Store::open(&config.database, &Supervisor::default()).await?;
    store.claim_mode(Mode::Live).await?;
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

/// Where a server on this machine has its configuration.
const INSTALLED: &str = "/etc/malipo/config.toml";

/// Fails for a command that would work on a database of its own beside an installed server's.
pub(super) fn refuse_beside_server(config: &Config, path: Option<&Path>) -> Done {
    let settings = config.settings(path)?;
    let url = settings.iter().find(|it| it.key == "database.url");
    let is_chosen =
        path.is_some() || url.is_some_and(|it| matches!(it.origin, Origin::Variable(_)));
    if is_beside(Path::new(INSTALLED), is_chosen) {
        let why = "this machine has an installed malipo: use malipoctl, as in `sudo malipoctl router list`";
        return Err(why.into());
    }
    Ok(())
}

/// Whoever may not look into the directory is not the server either.
fn is_beside(installed: &Path, is_chosen: bool) -> bool {
    !is_chosen && installed.try_exists().unwrap_or(true)
}

/// Opens the database, which may be new: an operator can be added before the first start.
pub(super) async fn open(config: &Config) -> Result<Store, Box<dyn Error>> {
    if config.database.auto_migrate {
        migration::up(config.database.url.expose()).await?;
    }
    Ok(Store::open_beside(&config.database).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_beside_an_installed_server_names_its_database() {
        let folder = tempfile::tempdir().unwrap();
        let installed = folder.path().join("config.toml");
        assert!(!is_beside(&installed, false), "nothing is installed");

        std::fs::write(&installed, "").unwrap();

        assert!(is_beside(&installed, false));
        assert!(!is_beside(&installed, true));
        assert!(
            is_beside(&installed.join("below-a-file"), false),
            "it cannot be looked at"
        );
    }
}
