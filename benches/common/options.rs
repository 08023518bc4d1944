//! The command line of a benchmark (after `--`), and the temporary PostgreSQL server.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use clap::{Parser, ValueEnum};

use super::Outcome;

/// The variable in which `scripts/with-postgres` passes the URL of its server.
const POSTGRES: &str = "MALIPO_TEST_POSTGRES";

/// A database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Postgres,
    Sqlite,
}

impl Kind {
    /// The name in tables and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }

    /// The first part of a figure's name.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}

/// The command line of a benchmark.
#[derive(Clone, Debug, Parser)]
#[command(about = "Measures malipo beside what it is compared with, in one sitting")]
pub struct Options {
    /// A short run that shows that everything works; its figures mean nothing
    #[arg(long)]
    pub smoke: bool,
    /// Only this database
    #[arg(long, value_enum)]
    pub database: Option<Kind>,
    /// Only figures whose name contains this, as in `throughput`
    #[arg(long)]
    pub only: Option<String>,
    /// Number of alternating runs of each figure and its baseline
    #[arg(long, default_value = "5")]
    pub pairs: usize,
    /// Seconds of one turn
    #[arg(long, default_value = "4")]
    pub seconds: f64,
    /// Payments in the large table of `--bench scale`
    #[arg(long, default_value = "10000000")]
    pub rows: u64,
    /// Also write the report to `docs/performance` and into `docs/performance.md`
    #[arg(long, conflicts_with = "smoke")]
    pub publish: bool,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Reads the arguments. If PostgreSQL is wanted and no server was started, runs this benchmark again
    /// under `scripts/with-postgres --durable`.
    ///
    /// # Errors
    /// If that script cannot be started.
    pub fn read() -> Outcome<Self> {
        let mut options = Self::parse();
        if options.smoke {
            options.pairs = 1;
            options.seconds = 0.3;
            options.rows = 20_000;
        }
        if options.wants(Kind::Postgres) && std::env::var_os(POSTGRES).is_none() {
            let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/with-postgres");
            let error = Command::new(&script)
                .arg("--durable")
                .arg(std::env::current_exe()?)
                .args(std::env::args_os().skip(1))
                .exec();
            return Err(format!("{}: {error}", script.display()).into());
        }
        Ok(options)
    }

    /// Whether this database is to be measured.
    pub fn wants(&self, kind: Kind) -> bool {
        self.database.is_none_or(|only| only == kind)
    }

    /// Whether the figures of this name are to be measured.
    pub fn wants_figure(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only))
    }

    /// The PostgreSQL server's URL, without a database.
    ///
    /// # Errors
    /// If there is none.
    pub fn postgres() -> Outcome<String> {
        std::env::var(POSTGRES).map_err(|_| format!("{POSTGRES} is not set").into())
    }
}
