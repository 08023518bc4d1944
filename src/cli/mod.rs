//! The command line. Exit codes: 0 fine, 1 the command's own failure, 2 wrong usage or
//! configuration, told in one sentence that names the key.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::StartError;
use crate::config::{Config, ConfigError, TelemetryConfig};
use crate::drill::DrillError;
use crate::observability::telemetry;
use crate::store::StoreError;

mod check;
mod drill;
mod nas;
mod operator;
mod order;
mod serve;

/// Turns mobile-money webhooks into committed Wi-Fi sales, exactly once.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Configuration file; `config.toml` in the working directory if it is there
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Migrate and serve until SIGTERM or SIGINT; the default
    Serve,
    /// Bring the schema up to date, take it down, or show where it stands
    Migrate {
        /// What to do
        #[arg(default_value = "up")]
        to: Migrate,
    },
    /// Look whether everything that the server needs is there
    Check,
    /// Say who may look and act
    #[command(subcommand)]
    Operator(operator::Act),
    /// Read what happened to an order
    #[command(subcommand)]
    Order(order::Look),
    /// Say which routers may ask FreeRADIUS
    #[command(subcommand)]
    Nas(nas::Act),
    /// Prove that each order is sold exactly once, however its webhooks come; sandbox only
    Drill(drill::Options),
}

#[derive(Clone, Copy, ValueEnum)]
enum Migrate {
    Up,
    Down,
    Status,
}

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(StartError),
    #[error("serve: the task {0} has failed, without which nothing can be sold; start me again")]
    TaskFailed(&'static str),
    #[error("migrate: {0}")]
    Migrate(String),
    /// Every line is already printed.
    #[error("check: not everything is well")]
    Check,
    #[error("operator: {0}")]
    Operator(StoreError),
    #[error(
        "operator: there is a {0} already; `malipo operator disable {0}` first, for a new token"
    )]
    NameTaken(String),
    #[error("operator: there is no {0} who could come in")]
    NoSuchOperator(String),
    #[error("order: {0}")]
    Order(StoreError),
    #[error("order: there is no such order")]
    NoSuchOrder,
    /// They are already printed.
    #[error("order: several orders are named so; give the first word of one line")]
    SeveralOrders,
    #[error("nas: {0}")]
    Nas(String),
    #[error("drill: {0}")]
    Drill(#[from] DrillError),
    /// Every violation is already printed.
    #[error("drill: {0} violations")]
    Violated(usize),
    #[error("drill: interrupted")]
    Interrupted,
    #[error("drill: no folder for a temporary database: {0}")]
    NoFolder(std::io::Error),
    #[error("drill: --json {}: {error}", path.display())]
    NotWritten {
        path: PathBuf,
        error: std::io::Error,
    },
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(error) => Self::Config(error),
            other => Self::Start(other),
        }
    }
}

/// SIGTERM and SIGINT, from the moment they are registered.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn register() -> Result<Self, StartError> {
        let register = |kind| signal(kind).map_err(StartError::Threads);
        Ok(Self {
            interrupt: register(SignalKind::interrupt())?,
            terminate: register(SignalKind::terminate())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        let is_usage = matches!(self, Self::Config(_));
        ExitCode::from(if is_usage { 2 } else { 1 })
    }
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let system = actix_web::rt::System::new();
    match system.block_on(execute(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("malipo: {failure}");
            failure.exit_code()
        }
    }
}

async fn execute(arguments: Arguments) -> Result<(), Failure> {
    let mut config = Config::read(arguments.config.as_deref())?;
    let command = arguments.command.unwrap_or(Command::Serve);
    if let Command::Drill(_) = command {
        drill::quieten(&mut config.log);
    }
    // Only a server has webhooks to trace.
    let traced = if let Command::Serve = command {
        config.telemetry.clone()
    } else {
        TelemetryConfig::default()
    };
    let traces = telemetry::start(&config.log, &traced)?;
    match command {
        Command::Serve => {
            let served = serve::serve(config).await;
            traces.stop().await;
            served
        }
        Command::Migrate { to } => migrate(&config, to).await,
        Command::Check => check::check(&config).await,
        Command::Order(look) => order::look(&config, look).await,
        Command::Operator(act) => operator::act(&config, act).await,
        Command::Nas(act) => nas::act(&config, act).await,
        Command::Drill(options) => drill::drill(config, options).await,
    }
}

async fn migrate(config: &Config, to: Migrate) -> Result<(), Failure> {
    let url = config.database.url.expose();
    match to {
        Migrate::Up => {
            let applied = migration::up(url).await.map_err(not_migrated)?;
            println!("{applied} migrations applied");
        }
        Migrate::Down => {
            let reverted = migration::down(url, None).await.map_err(not_migrated)?;
            println!("{reverted} migrations reverted");
        }
        Migrate::Status => {
            for step in migration::status(url).await.map_err(not_migrated)? {
                let state = if step.applied { "applied" } else { "pending" };
                println!("{state:8} {}", step.name);
            }
        }
    }
    Ok(())
}

fn not_migrated(error: impl std::fmt::Display) -> Failure {
    Failure::Migrate(error.to_string())
}
