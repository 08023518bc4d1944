//! `malipo drill`: drills a running server, or one that it starts and stops itself.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use tempfile::TempDir;
use url::Url;

use super::Done;
use super::serve::stop_signal;
use crate::app::App;
use crate::config::{Config, Confirm, DatabaseConfig, LogConfig, Mode, SmsProvider};
use crate::domain::people::Secret;
use crate::drill::{self, DrillError, Plan, Progress, Target};
use crate::store::{Store, StoreError, fresh_token};

/// More orders than any drill places in a second.
const PROMPTS_PER_SEC: u32 = 100_000;

#[derive(Args)]
pub(super) struct Options {
    /// A running server; without it one is started for the drill
    #[arg(long, value_name = "URL", value_parser = http_url)]
    url: Option<Url>,
    /// Operator's token of that server, to read its own count of sales
    #[arg(long, value_name = "T", requires = "url")]
    token: Option<String>,
    /// Database of that server, to check it too; or the one to start a server on, which is
    /// by default a temporary one. It is filled with orders that are not paid for
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// How many orders are placed
    #[arg(long, value_name = "N", default_value = "200",
        value_parser = RangedU64ValueParser::<u32>::new().range(1..=100_000))]
    orders: u32,
    /// How many copies of each paid webhook are sent at the same moment
    #[arg(long, value_name = "N", default_value = "8",
        value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000))]
    copies: u32,
    /// Also write the result as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The server that is drilled, and what is removed afterwards.
struct Stage {
    target: Target,
    /// The drill's own server.
    app: Option<App>,
    /// Removed when dropped.
    _folder: Option<TempDir>,
}

/// Unless the configuration has a filter: the alerts that a drill causes on purpose would hide its
/// table.
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
    let stage = match &options.url {
        Some(url) => Stage::running(url, &config, &options).await?,
        None => Stage::start(config, options.database.as_deref()).await?,
    };
    let progress = Progress::on_stderr();
    let ended: Result<_, Box<dyn Error>> = tokio::select! {
        ended = drill::run(&stage.target, plan, &progress) => ended.map_err(Box::from),
        // The drill's own server is then stopped too, and its folder removed.
        () = interrupt => Err(Box::from("interrupted")),
    };
    stage.clear().await;

    let report = ended?;
    print!("{report}");
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

impl Stage {
    /// A server that runs already.
    async fn running(
        url: &Url,
        config: &Config,
        options: &Options,
    ) -> Result<Self, Box<dyn Error>> {
        let store = match &options.database {
            None => None,
            Some(database) => Some(open_beside(database).await?),
        };
        let target = Target {
            url: url.clone(),
            token: options.token.clone().map(Secret::new),
            key: config.zenopay.key(),
            store,
            scene: format!("against {url}"),
        };
        Ok(Self {
            target,
            app: None,
            _folder: None,
        })
    }

    /// A server of the drill's own, on this database or a temporary one.
    async fn start(config: Config, database: Option<&str>) -> Result<Self, Box<dyn Error>> {
        // Before anything is opened: `--database` may name the shop's own.
        if config.zenopay.mode != Mode::Sandbox {
            let scene = "the configuration".to_owned();
            let mode = config.zenopay.mode.as_str().to_owned();
            return Err(DrillError::NotSandbox { scene, mode }.into());
        }
        let (url, folder) = match database {
            Some(url) => (url.to_owned(), None),
            None => {
                let folder = TempDir::with_prefix("malipo-drill-");
                let folder = folder
                    .map_err(|error| format!("no folder for a temporary database: {error}"))?;
                let file = folder.path().join("malipo.db");
                let url = format!("sqlite://{}?mode=rwc", file.display());
                (url, Some(folder))
            }
        };
        let config = for_drill(config).with_database(Secret::new(url.as_str()))?;
        let (token, key) = (fresh_token(), config.zenopay.key());
        let app = App::start(config, Some(token.clone())).await?;

        let temporary = if folder.is_some() { "temporary " } else { "" };
        let kind = match url.starts_with("sqlite:") {
            true => "SQLite",
            false => "PostgreSQL",
        };
        let target = Target {
            url: Url::parse(&format!("http://{}", app.address)).expect("an address makes a URL"),
            token: Some(token),
            key,
            store: Some(open_beside(&url).await?),
            scene: format!("on a server of its own with a {temporary}{kind} database"),
        };
        Ok(Self {
            target,
            app: Some(app),
            _folder: folder,
        })
    }

    async fn clear(self) {
        if let Some(store) = self.target.store {
            store.close().await;
        }
        if let Some(app) = self.app {
            app.stop().await;
        }
    }
}

/// What a drill needs and a shop does not: a free port, no simulated subscriber who pays, no limit
/// on the pace, no SMS.
fn for_drill(mut config: Config) -> Config {
    config.server.bind = ([127, 0, 0, 1], 0).into();
    config.server.public_url = None;
    config.database.auto_migrate = true;
    config.zenopay.confirm = Confirm::Unproven;
    config.sandbox.approve_after_ms = 0;
    config.limits.prompts_per_sec = PROMPTS_PER_SEC;
    config.sms.provider = SmsProvider::Log;
    config
}

async fn open_beside(url: &str) -> Result<Store, StoreError> {
    let config = DatabaseConfig {
        url: Secret::new(url),
        auto_migrate: false,
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
