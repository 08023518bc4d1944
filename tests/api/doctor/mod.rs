//! `malipo check` against real faults: each line of the doctor finds the one that it is for, and passes
//! without it.

use serde_json::Value;

use crate::command_line::{code, text};
use crate::harness::process::{Process, run};
use crate::harness::{Kind, TestDatabase};

mod console;
mod database;
mod front;
mod poll;
mod proxies;
mod settings;
mod storage;

/// What `malipo check --json` has found.
pub struct Checked {
    pub code: Option<i32>,
    pub rows: Vec<Value>,
    /// Everything that it printed.
    pub printed: String,
}

impl Checked {
    fn row(&self, check: &str) -> &Value {
        let row = self.rows.iter().find(|row| row["check"] == check);
        row.unwrap_or_else(|| panic!("no {check}: {}", self.printed))
    }

    /// `ok`, `warning`, `failed` or `skipped`.
    pub fn status(&self, check: &str) -> &str {
        self.row(check)["status"].as_str().unwrap()
    }

    /// The detail and the hint.
    pub fn text(&self, check: &str) -> String {
        let row = self.row(check);
        let part = |name: &str| row[name].as_str().unwrap().to_owned();
        format!("{} / {}", part("detail"), part("hint"))
    }

    /// Fails unless the check has this status and its texts contain this.
    #[track_caller]
    pub fn assert(&self, check: &str, status: &str, part: &str) {
        let text = self.text(check);
        assert_eq!(self.status(check), status, "{check}: {text}");
        assert!(text.contains(part), "{check}: {text}");
    }
}

/// Runs `malipo check --json` with more arguments.
pub fn check_with(arguments: &[&str], settings: &[(&str, &str)]) -> Checked {
    let output = run(&[&["check", "--json"][..], arguments].concat(), settings);
    let printed = text(&output.stdout) + &text(&output.stderr);
    Checked {
        code: code(&output),
        rows: serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{printed}")),
        printed,
    }
}

/// Without the polls that are held.
pub fn check(settings: &[(&str, &str)]) -> Checked {
    check_with(&["--quick"], settings)
}

/// A running server and its database.
pub struct Shop {
    pub database: TestDatabase,
    pub process: Process,
    /// Where the server listens.
    pub bind: String,
}

impl Shop {
    pub async fn open(kind: Kind) -> Self {
        Self::open_with(kind, &[]).await
    }

    pub async fn open_with(kind: Kind, settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::create(kind).await;
        let process = Process::serve(&database.url, settings);
        let bind = process.base.trim_start_matches("http://").to_owned();
        Self {
            database,
            process,
            bind,
        }
    }

    /// The settings of the running server, and more.
    pub fn settings<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let ours = [
            ("MALIPO__DATABASE__URL", self.database.url.as_str()),
            ("MALIPO__SERVER__BIND", self.bind.as_str()),
        ];
        [&ours[..], more].concat()
    }
}
