//! `malipo check`: the doctor at the terminal, a line for each finding, or all of them as JSON.

use std::io;

use clap::Args;

use super::command::{Done, print};
use crate::app::read_certificate;
use crate::config::{Config, ConfigError};
use crate::doctor::{Doctor, Scope};
use crate::domain::health::{CheckStatus, Finding};
use crate::store::Store;

#[derive(Args, Clone, Copy)]
pub(super) struct Options {
    /// Print a JSON array of `check`, `status`, `detail` and `hint`
    #[arg(long)]
    json: bool,
    /// Leave out what takes long: polls that are held through the public address for as long as guests
    /// wait (`portal.wait_max_secs`)
    #[arg(long)]
    quick: bool,
}

/// A configuration with which `serve` would not start.
pub(super) fn refused(options: Options, error: &ConfigError) {
    if options.json {
        let hint = "Compare config.toml, and the variables that begin with MALIPO__";
        // The fault itself is printed as well, and decides the exit code.
        let _ = print_json(&[Finding::failed("config", error.to_string(), hint)]);
    }
}

pub(super) async fn check(config: &Config, options: Options) -> Done {
    if let Err(error) = read_certificate(config) {
        refused(options, &ConfigError(error.to_string()));
        return Err(error.into());
    }
    let scope = match options.quick {
        true => Scope::Quick,
        false => Scope::Full,
    };
    let store = Store::open_existing(&config.database).await;
    let mut findings = Vec::new();
    let mut printed = Ok(());
    let report = |finding: Finding| {
        if !options.json && printed.is_ok() {
            printed = print(line(&finding));
        }
        findings.push(finding);
    };
    let doctor = Doctor::new(config, config.server.bind);
    doctor.run(store.as_ref(), scope, report).await;
    printed?;
    if options.json {
        print_json(&findings)?;
    }
    let failed = |finding: &Finding| finding.status == CheckStatus::Failed;
    if findings.iter().any(failed) {
        return Err("at least one check failed".into());
    }
    Ok(())
}

/// As in `FAIL  clock           an hour apart. Set both clocks by NTP`.
fn line(finding: &Finding) -> String {
    let status = match finding.status {
        CheckStatus::Ok => "ok",
        CheckStatus::Warning => "warn",
        CheckStatus::Failed => "FAIL",
        CheckStatus::Skipped => "skip",
    };
    // An error of a library may have several lines.
    let detail = finding
        .detail
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let check = finding.check;
    match finding.hint.as_str() {
        "" => format!("{status:5} {check:15} {detail}\n"),
        hint => format!("{status:5} {check:15} {detail}. {hint}\n"),
    }
}

fn print_json(findings: &[Finding]) -> io::Result<()> {
    let json = serde_json::to_string_pretty(findings).expect("structs of texts");
    print(json + "\n")
}
