//! `malipo drill`: drills a running server, or one that it starts and stops itself.

use std::error::Error;
use std::path::PathBuf;
use std::{env, io};

use clap::{Args, value_parser};
use tempfile::TempDir;
use url::Url;

use super::command::{Done, print, stop_signal};
use crate::app::App;
use crate::config::{self, Config, Confirm, DatabaseConfig, LogConfig, Mode, SmsProvider};
use crate::domain::people::Secret;
use crate::drill::{self, DrillError, Plan, Progress, Target};
use crate::store::{Store, StoreError, fresh_token};

/// The variable with the token, which only this user can read.
const TOKEN_VARIABLE: &str = "MALIPO_DRILL_TOKEN";
/// More orders than any drill places in a second.
const PROMPTS_PER_SEC: u32 = 100_000;

#[derive(Args)]
pub(super) struct Options {
    /// A running server; without it one is started for the drill
    #[arg(long, value_name = "URL", value_parser = http_url)]
    url: Option<Url>,
    /// Operator's token of that server, to read its own count of sales; `-` reads it from standard input, and
    /// without this option it is read from the variable MALIPO_DRILL_TOKEN: other users of this machine
    /// can read a command line
    #[arg(long, value_name = "T|-", requires = "url")]
    token: Option<String>,
    /// Database of that server, to check it too; or the one to start a server on, which is
    /// by default a temporary one. It is filled with orders that are not paid for. A password belongs
    /// into the variable PGPASSWORD
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// How many orders are placed
    #[arg(long, value_name = "N", default_value = "200",
        value_parser = value_parser!(u32).range(1..=100_000))]
    orders: u32,
    /// How many copies of each paid webhook are sent at the same moment
    #[arg(long, value_name = "N", default_value = "8",
        value_parser = value_parser!(u32).range(1..=1_000))]
    copies: u32,
    /// Also write the result as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The drill's own server, and the folder of its temporary database, which is removed when dropped.
type OwnServer = (App, Option<TempDir>);

/// Sets the log's filter to errors, unless the configuration has a filter: the lines that a drill
/// causes on purpose would hide its table.
pub(super) fn log_errors_only(log: &mut LogConfig) {
    if log.filter == LogConfig::default().filter {
        log.filter = "error,sea_orm_migration=error".to_owned();
    }
}

pub(super) async fn drill(config: Config, options: Options) -> Done {
    // Before anything is made that would have to be removed.
    let interrupt = stop_signal()?;
    let plan = Plan {
        orders: options.orders,
        copies: options.copies,
    };
    let (target, own) = match &options.url {
        Some(url) => (running(url, &config, &options).await?, None),
        None => {
            let (target, own) = start(config, options.database.as_deref()).await?;
            (target, Some(own))
        }
    };
    let progress = Progress::on_stderr();
    let ended: Result<_, Box<dyn Error>> = tokio::select! {
        ended = drill::run(&target, plan, &progress) => ended.map_err(Box::from),
        // The drill's own server is then stopped too, and its folder removed.
        () = interrupt => Err(Box::from("interrupted")),
    };
    if let Some(store) = target.store {
        store.close().await;
    }
    if let Some((app, _folder)) = own {
        app.stop().await;
    }

    let report = ended?;
    print(report.to_string())?;
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&report).expect("texts and numbers are JSON");
        let written = std::fs::write(path, json + "\n");
        written.map_err(|error| format!("--json {}: {error}", path.display()))?;
    }
    match report.violations.len() {
        0 => Ok(()),
        count => Err(format!("{count} violations").into()),
    }
}

/// A server that runs already.
async fn running(url: &Url, config: &Config, options: &Options) -> Result<Target, Box<dyn Error>> {
    let store = match &options.database {
        None => None,
        Some(database) => Some(open_beside(database).await?),
    };
    Ok(Target {
        url: url.clone(),
        token: token(options.token.as_deref())?,
        key: config.zenopay.key(),
        store,
        scene: format!("against {url}"),
    })
}

/// The operator's token, and a warning where others could read it.
fn token(argument: Option<&str>) -> Result<Option<Secret>, Box<dyn Error>> {
    let token = match argument {
        Some("-") => {
            let mut line = String::new();
            io::stdin().read_line(&mut line)?;
            Some(line).filter(|line| !line.trim().is_empty())
        }
        Some(token) => {
            eprintln!("other users of this machine can read the token of --token; use `--token -`");
            Some(token.to_owned())
        }
        None => env::var(TOKEN_VARIABLE).ok(),
    };
    match token {
        None if argument.is_some() => Err("--token -: standard input has no token".into()),
        token => Ok(token.map(|token| Secret::new(token.trim()))),
    }
}

/// Starts a server of the drill's own, on this database or a temporary one.
async fn start(
    mut config: Config,
    database: Option<&str>,
) -> Result<(Target, OwnServer), Box<dyn Error>> {
    // Before anything is opened: `--database` may name the shop's own.
    if config.zenopay.mode != Mode::Sandbox {
        let scene = "the configuration".to_owned();
        let mode = config.zenopay.mode.as_str().to_owned();
        return Err(DrillError::NotSandbox { scene, mode }.into());
    }
    let (url, folder, kind) = match database {
        Some(url) if url.starts_with("sqlite:") => (url.to_owned(), None, "SQLite"),
        Some(url) => (url.to_owned(), None, "PostgreSQL"),
        None => {
            let folder = TempDir::with_prefix("malipo-drill-");
            let folder =
                folder.map_err(|error| format!("no folder for a temporary database: {error}"))?;
            let file = folder.path().join("malipo.db");
            let url = format!("sqlite://{}?mode=rwc", file.display());
            (url, Some(folder), "temporary SQLite")
        }
    };
    prepare(&mut config, &url);
    config::check(&config)?;
    let (token, key) = (fresh_token(), config.zenopay.key());
    let app = App::start(config, Some(token.clone())).await?;
    let target = Target {
        url: Url::parse(&format!("http://{}", app.address)).expect("an address makes a URL"),
        token: Some(token),
        key,
        store: Some(open_beside(&url).await?),
        scene: format!("on a server of its own with a {kind} database"),
    };
    Ok((target, (app, folder)))
}

/// What a drill needs and a shop does not: a free port, no simulated subscriber who pays, no limit
/// on the pace, no SMS.
fn prepare(config: &mut Config, database: &str) {
    config.server.bind = ([127, 0, 0, 1], 0).into();
    config.server.public_url = None;
    config.database.url = Secret::new(config::usual_form(database));
    config.database.auto_migrate = true;
    config.zenopay.confirm = Confirm::Unproven;
    config.sandbox.approve_after_ms = 0;
    config.limits.prompts_per_sec = PROMPTS_PER_SEC;
    config.sms.provider = SmsProvider::Log;
}

async fn open_beside(url: &str) -> Result<Store, StoreError> {
    let config = DatabaseConfig {
        url: Secret::new(config::usual_form(url)),
        ..DatabaseConfig::default()
    };
    Store::open_beside(&config).await
}

fn http_url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err("must begin with http:// or https://".to_owned()),
    }
}
