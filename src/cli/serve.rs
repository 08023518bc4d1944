//! `malipo serve`: start, tell a person where to look, stop on a signal.

use sd_notify::NotifyState;
use tracing::{error, warn};

use super::{Failure, Signals};
use crate::app::{App, WayIn};
use crate::config::{Config, Mode};

pub(super) async fn serve(config: Config) -> Result<(), Failure> {
    // Before anything else, so that no signal is missed while starting.
    let mut signals = Signals::register()?;
    let mode = config.zenopay.mode;
    let token = config.operator.token.clone();
    let scheme = config.server.tls_cert.as_ref().map_or("http", |_| "https");

    let app = App::start(config, token).await?;
    greet(&app, scheme, mode);
    tell_systemd(NotifyState::Ready, "serving");
    let failed = tokio::select! {
        () = signals.any() => None,
        task = app.failed() => Some(task),
    };
    tell_systemd(NotifyState::Stopping, "answering what waits");
    let Some(task) = failed else {
        app.stop().await;
        return Ok(());
    };
    error!(task = task.name(), "nothing can be sold; the process ends");
    app.stop_failed().await;
    Err(Failure::TaskFailed(task.name()))
}

/// For `Type=notify` (sd_notify(3)); without systemd nothing is sent.
fn tell_systemd(state: NotifyState, status: &str) {
    if let Err(error) = sd_notify::notify(&[state, NotifyState::Status(status)]) {
        warn!(%error, "systemd cannot be told");
    }
}

fn greet(app: &App, scheme: &str, mode: Mode) {
    let here = format!("{scheme}://{}", app.address);
    println!(
        "malipo {} serves at {here} ({})",
        env!("CARGO_PKG_VERSION"),
        mode.as_str()
    );
    println!("  portal        {here}/");
    if mode == Mode::Sandbox {
        println!("  test phone    {here}/sandbox");
    }
    println!("  try the API   {here}/docs");
    println!("  console       {here}/operator");
    if mode == Mode::Sandbox {
        println!("  No money moves: ZenoPay is simulated, and approves by itself.");
    }
    match &app.way_in {
        WayIn::Known => {}
        WayIn::Fresh(token) => println!("  admin token, shown once: {}", token.expose()),
        WayIn::Nobody => println!("  nobody can log in yet: malipo operator add NAME --role admin"),
    }
}
