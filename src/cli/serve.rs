//! `malipo serve`: starts, prints the addresses that a person opens, and stops on a signal.

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, warn};

use super::Done;
use crate::app::{App, StartError, WayIn};
use crate::config::{Config, Mode};

/// Registers SIGTERM and SIGINT at once; the future completes when one of them arrives.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, StartError> {
    let register = |kind| signal(kind).map_err(StartError::Threads);
    let mut interrupt = register(SignalKind::interrupt())?;
    let mut terminate = register(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

pub(super) async fn serve(config: Config) -> Done {
    // Before anything else, so that no signal is missed while starting.
    let stop_signal = stop_signal()?;
    let mode = config.zenopay.mode;
    let token = config.operator.token.clone();
    let scheme = config.server.tls_cert.as_ref().map_or("http", |_| "https");

    let app = App::start(config, token).await?;
    greet(&app, scheme, mode);
    notify_systemd(NotifyState::Ready, "serving");
    let failed = tokio::select! {
        () = stop_signal => None,
        task = app.failed() => Some(task),
    };
    notify_systemd(NotifyState::Stopping, "answering the waiting clients");
    let Some(task) = failed else {
        app.stop().await;
        return Ok(());
    };
    error!(task = task.name(), "nothing can be sold; the process ends");
    app.stop_failed().await;
    let name = task.name();
    Err(
        format!("the task {name} has failed, without which nothing can be sold; start again")
            .into(),
    )
}

/// For `Type=notify` (sd_notify(3)); without systemd nothing is sent.
fn notify_systemd(state: NotifyState, status: &str) {
    if let Err(error) = sd_notify::notify(&[state, NotifyState::Status(status)]) {
        warn!(%error, "systemd cannot be notified");
    }
}

fn greet(app: &App, scheme: &str, mode: Mode) {
    let url = format!("{scheme}://{}", app.address);
    let version = env!("CARGO_PKG_VERSION");
    println!("malipo {version} serves at {url} ({})", mode.as_str());
    println!("  portal        {url}/");
    if mode == Mode::Sandbox {
        println!("  test phone    {url}/sandbox");
    }
    println!("  try the API   {url}/docs");
    println!("  console       {url}/operator");
    if mode == Mode::Sandbox {
        println!("  No money moves: ZenoPay is simulated, and approves by itself.");
    }
    match &app.way_in {
        WayIn::Known => {}
        WayIn::Fresh(token) => println!("  admin token, shown once: {}", token.expose()),
        WayIn::NoOperator => {
            println!("  there is no operator yet: malipo operator add NAME --role admin");
        }
    }
}
