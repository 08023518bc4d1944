//! The command line. Exit codes: 0 success, 1 the command failed, 2 wrong usage or configuration,
//! printed as one sentence that names the key.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::StartError;
use crate::config::{Config, ConfigError, TelemetryConfig};
use crate::observability::telemetry;

mod admin;
mod check;
mod drill;
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
    /// Migrate, then serve until SIGTERM or SIGINT; the default
    Serve,
    /// Apply all migrations, revert them, or list them
    Migrate {
        /// What to do
        #[arg(default_value = "up")]
        to: admin::Migrate,
    },
    /// Check the configuration, the database and every service that the server uses
    Check,
    /// Add or disable operators
    #[command(subcommand)]
    Operator(admin::OperatorCommand),
    /// Show what happened to an order
    #[command(subcommand)]
    Order(order::OrderCommand),
    /// Manage the routers that may ask FreeRADIUS
    #[command(subcommand)]
    Nas(admin::NasCommand),
    /// Prove that each order is sold exactly once, however its webhooks arrive; sandbox only
    Drill(drill::Options),
}

/// The result of a command. The error is printed.
type Done = Result<(), Box<dyn Error>>;

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let system = actix_web::rt::System::new();
    let Err(error) = system.block_on(execute(arguments)) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("malipo: {error}");
    let start_error = error.downcast_ref::<StartError>();
    let is_usage = error.is::<ConfigError>() || matches!(start_error, Some(StartError::Config(_)));
    ExitCode::from(if is_usage { 2 } else { 1 })
}

async fn execute(arguments: Arguments) -> Done {
    let mut config = Config::read(arguments.config.as_deref())?;
    let command = arguments.command.unwrap_or(Command::Serve);
    if let Command::Drill(_) = command {
        drill::log_errors_only(&mut config.log);
    }
    // Only a server has webhooks to trace.
    let telemetry_config = match command {
        Command::Serve => config.telemetry.clone(),
        _ => TelemetryConfig::default(),
    };
    let traces = telemetry::start(&config.log, &telemetry_config)?;
    match command {
        Command::Serve => {
            let served = serve::serve(config).await;
            traces.stop().await;
            served
        }
        Command::Migrate { to } => admin::migrate(&config, to).await,
        Command::Check => check::check(&config).await,
        Command::Order(command) => order::run(&config, command).await,
        Command::Operator(command) => admin::operator(&config, command).await,
        Command::Nas(command) => admin::nas(&config, command).await,
        Command::Drill(options) => drill::drill(config, options).await,
    }
}
