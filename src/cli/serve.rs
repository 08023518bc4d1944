//! `malipo serve`: start, tell a person where to look, stop on a signal.

use tokio::signal::unix::{SignalKind, signal};

use super::notify;
use crate::app::{App, StartError, WayIn};
use crate::config::{Config, Mode};

pub(super) async fn serve(config: Config) -> Result<(), StartError> {
    // Before anything else, so that no signal is missed while starting.
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Threads)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Threads)?;
    let mode = config.zenopay.mode;
    let token = config.operator.token.clone();
    let scheme = config.server.tls_cert.as_ref().map_or("http", |_| "https");

    let app = App::start(config, token).await?;
    greet(&app, scheme, mode);
    notify::serving();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    notify::stopping();
    app.stop().await;
    Ok(())
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
