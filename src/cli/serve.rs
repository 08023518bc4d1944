//! `malipo serve`: start, tell a person where to look, stop on a signal.

use tokio::signal::unix::{SignalKind, signal};

use super::fresh_token;
use crate::app::{App, StartError};
use crate::config::{Config, Mode};
use crate::domain::secret::Secret;

pub(super) async fn serve(config: Config) -> Result<(), StartError> {
    // Before anything else, so that no signal is missed while starting.
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Threads)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Threads)?;
    let mode = config.zenopay.mode;
    let (token, fresh) = operator_token(&config);

    let app = App::start(config, token).await?;
    greet(&app, mode, fresh.as_ref());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    app.stop().await;
    Ok(())
}

/// The configured token, or in the sandbox a fresh one, which is shown once.
fn operator_token(config: &Config) -> (Option<Secret>, Option<Secret>) {
    match (&config.operator.token, config.zenopay.mode) {
        (Some(token), _) => (Some(token.clone()), None),
        (None, Mode::Sandbox) => {
            let fresh = fresh_token();
            (Some(fresh.clone()), Some(fresh))
        }
        (None, Mode::Live) => (None, None),
    }
}

fn greet(app: &App, mode: Mode, fresh_token: Option<&Secret>) {
    let here = format!("http://{}", app.address);
    println!(
        "malipo {} serves at {here} ({})",
        env!("CARGO_PKG_VERSION"),
        mode.as_str()
    );
    println!("  try the API   {here}/docs");
    println!("  price list    {here}/api/v1/customer-portal/packages");
    println!("  machinery     {here}/api/v1/operator/actors");
    if mode == Mode::Sandbox {
        println!("  No money moves: ZenoPay is simulated, and approves by itself.");
    }
    if let Some(token) = fresh_token {
        println!("  admin token, shown once: {}", token.expose());
    }
}
