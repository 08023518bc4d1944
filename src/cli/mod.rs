//! The command line. Exit codes: 0 success, 1 the command failed, 2 wrong usage or configuration,
//! printed as one sentence that names the key.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sd_notify::NotifyState;
use tracing::{error, warn};

use crate::app::{App, OperatorLogIn, StartError};
use crate::config::{Config, ConfigError, Mode, TelemetryConfig};
use crate::observability::telemetry;

mod admin;
mod check;
mod command;
mod config;
mod drill;
mod operator;
mod order;
mod router;

use command::{Done, print, stop_signal};

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
    Serve {
        /// Live mode on a database that a sandbox has used: revoke the vouchers of its simulated payments and
        /// take those out of the reports first
        #[arg(long)]
        adopt_sandbox: bool,
    },
    /// Apply all migrations, revert them, or list them
    Migrate {
        /// What to do
        #[arg(default_value = "up")]
        to: admin::Migrate,
    },
    /// Try everything that the server needs: configuration, database, clock, ZenoPay, the public
    /// address, proxies, FreeRADIUS, SMS, disk, backup
    Check(check::Options),
    /// Show what is configured, and where each value comes from; secrets are hidden
    Config,
    /// Manage operators: their passwords and tokens
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Show what happened to an order
    #[command(subcommand)]
    Order(order::OrderCommand),
    /// Manage the routers that may ask FreeRADIUS, and print the script for each
    #[command(subcommand, visible_alias = "nas")]
    Router(router::RouterCommand),
    /// Prove that each order is sold exactly once, however its webhooks arrive; sandbox only
    Drill(drill::Options),
}

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
    let command = arguments.command.unwrap_or(Command::Serve {
        adopt_sandbox: false,
    });
    let read = Config::read(arguments.config.as_deref());
    if let (Err(error), Command::Check(options)) = (&read, &command) {
        check::refused(*options, error);
    }
    let mut config = read?;
    if let Command::Drill(_) = command {
        drill::log_errors_only(&mut config.log);
    }
    // Only a server has webhooks to trace.
    let telemetry_config = match command {
        Command::Serve { .. } => config.telemetry.clone(),
        _ => TelemetryConfig::default(),
    };
    if let Command::Migrate { .. } | Command::Operator(_) | Command::Order(_) | Command::Router(_) =
        command
    {
        admin::refuse_beside_server(&config, arguments.config.as_deref())?;
    }
    let traces = telemetry::start(&config.log, &telemetry_config)?;
    match command {
        Command::Serve { adopt_sandbox } => {
            if adopt_sandbox {
                admin::adopt_sandbox(&config).await?;
            }
            let served = serve(config).await;
            traces.stop().await;
            served
        }
        Command::Migrate { to } => admin::migrate(&config, to).await,
        Command::Check(options) => check::check(&config, options).await,
        Command::Config => config::show(&config, arguments.config.as_deref()),
        Command::Order(command) => order::run(&config, command).await,
        Command::Operator(command) => operator::run(&config, command).await,
        Command::Router(command) => router::router(&config, command).await,
        Command::Drill(options) => drill::drill(config, options).await,
    }
}

/// Starts the server, prints the addresses that a person opens, and stops it on a signal.
async fn serve(config: Config) -> Done {
    // Before anything else, so that no signal is missed while starting.
    let stop_signal = stop_signal()?;
    let mode = config.zenopay.mode;
    let token = config.operator.token.clone();
    let scheme = config.server.tls_cert.as_ref().map_or("http", |_| "https");

    let app = App::start(config, token).await?;
    if let Err(error) = print(greeting(&app, scheme, mode)) {
        warn!(%error, "standard output cannot be written");
    }
    notify_systemd(NotifyState::Ready, "serving");
    let failed = tokio::select! {
        () = stop_signal => None,
        task = app.failed() => Some(task.name()),
    };
    notify_systemd(NotifyState::Stopping, "answering the waiting clients");
    let Some(task) = failed else {
        app.stop().await;
        return Ok(());
    };
    error!(task, "nothing can be sold; the process ends");
    app.stop_failed().await;
    Err(
        format!("the task {task} has failed, and nothing can be sold without it; start again")
            .into(),
    )
}

/// For `Type=notify` (sd_notify(3)); without systemd nothing is sent.
fn notify_systemd(state: NotifyState, status: &str) {
    if let Err(error) = sd_notify::notify(&[state, NotifyState::Status(status)]) {
        warn!(%error, "systemd cannot be notified");
    }
}

fn greeting(app: &App, scheme: &str, mode: Mode) -> String {
    let (url, version) = (
        format!("{scheme}://{}", app.address),
        env!("CARGO_PKG_VERSION"),
    );
    let mode_word = mode.as_str();
    let mut text = format!(
        "malipo {version} serves at {url} ({mode_word})
  portal        {url}/
  try the API   {url}/docs
  console       {url}/operator
"
    );
    if mode == Mode::Sandbox {
        text += &format!("  test phone    {url}/sandbox\n");
        text += "  No money moves: ZenoPay is simulated, and approves by itself.\n";
    }
    match &app.operator_log_in {
        OperatorLogIn::Known => {}
        OperatorLogIn::Fresh(token) => {
            text += &format!("  admin token, shown once: {}\n", token.expose());
        }
        OperatorLogIn::NoOperator => {
            text += "  there is no operator yet: malipo operator add NAME --role admin\n";
        }
    }
    text
}
