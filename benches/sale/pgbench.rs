//! The baselines on PostgreSQL: pgbench with a textbook script, pgbench with one function call, and bare
//! round trips with the server's driver.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use hdrhistogram::Histogram;
use sea_orm::sqlx::{self, Executor};

use crate::common::Outcome;
use crate::common::client::microseconds;
use crate::common::database::{Database, connect};
use crate::common::options::{Kind, Options};

/// An upper bound for PostgreSQL's sales per second, even with one function call and without waiting for
/// the disk.
const MOST_SALES: f64 = 30_000.0;
/// Sales of each client in a smoke run. A fixed number, so that a fast machine does not run out of
/// orders.
const FEW_SALES: usize = 100;

/// Changes nothing, so that COMMIT does not wait for the disk.
pub const NOTHING: &str = "SELECT 1";
/// A minimal change, whose COMMIT waits for the disk as a sale does.
pub const ONE_ROW: &str = "INSERT INTO bench_rows DEFAULT VALUES";

/// A script in `benches/pgbench`.
#[derive(Clone, Copy)]
pub enum Script {
    /// Eleven statements with a round trip each.
    Textbook,
    /// One call of a server-side function.
    FunctionCall,
}

/// pgbench with its own database.
pub struct Pgbench {
    database: Database,
    program: PathBuf,
    /// `payments.id` of the first unsold order.
    first: i64,
    /// `payments.id` of the last order.
    last: i64,
    /// Runs [`FEW_SALES`] instead of a number of seconds.
    smoke: bool,
}

impl Script {
    fn file(self) -> PathBuf {
        let name = match self {
            Self::Textbook => "textbook.sql",
            Self::FunctionCall => "function_call.sql",
        };
        scripts().join(name)
    }
}

impl Pgbench {
    /// Creates a database with the server's schema and the function of the script.
    ///
    /// # Errors
    /// If PostgreSQL or pgbench is missing.
    pub fn prepare(options: &Options) -> Outcome<Self> {
        let database = Database::create(Kind::Postgres, "pgbench")?;
        database.execute(&fs::read_to_string(scripts().join("function.sql"))?)?;
        database.execute("CREATE TABLE bench_rows (at timestamptz DEFAULT now())")?;
        Ok(Self {
            database,
            program: program()?,
            first: 1,
            last: 0,
            smoke: options.smoke,
        })
    }

    /// Runs a script and returns the sales per second.
    ///
    /// # Errors
    /// If pgbench fails, for example because its orders run out.
    pub fn run(&mut self, script: Script, clients: usize, seconds: f64) -> Outcome<f64> {
        let seconds = seconds.round().max(1.0);
        let (length, orders) = if self.smoke {
            let length = format!("--transactions={FEW_SALES}");
            (length, clients * FEW_SALES)
        } else {
            (format!("--time={seconds}"), (MOST_SALES * seconds) as usize)
        };
        self.place(orders)?;
        let output = Command::new(&self.program)
            .args(["--no-vacuum", "--protocol=prepared", "--define=turn=0"])
            .arg(format!("--define=first={}", self.first))
            .arg(format!("--define=clients={clients}"))
            .arg(format!("--client={clients}"))
            .arg(format!("--jobs={}", clients.min(2)))
            .arg(length)
            .arg(format!("--file={}", script.file().display()))
            .arg(&self.database.url)
            .output()?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("pgbench failed: {why}{printed}").into());
        }
        // Clients progress at different speeds, so some orders before the last sold one stay unsold.
        let sold = "SELECT coalesce(max(id), 0) FROM payments WHERE status = 'COMPLETED'";
        self.first = self.database.number(sold)? + 1;
        let rate = printed.split("tps = ").nth(1);
        let rate = rate.and_then(|rest| rest.split_whitespace().next());
        Ok(rate
            .ok_or_else(|| format!("pgbench printed no rate: {printed}"))?
            .parse()?)
    }

    /// The number of clients with which the textbook script is fastest, and a note with all rates.
    ///
    /// # Errors
    /// If pgbench fails.
    pub fn best_clients(&mut self) -> Outcome<(usize, String)> {
        if self.smoke {
            return Ok((4, "pgbench with 4 clients".to_owned()));
        }
        let mut tried = Vec::new();
        for clients in [4, 8, 16, 32] {
            let rate = self.run(Script::Textbook, clients, 2.0)?;
            tried.push((rate, clients));
        }
        let best = tried.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0));
        let (_, clients) = best.ok_or("nothing was tried")?;
        let rates = tried.iter().map(|(rate, at)| format!("{rate:.0} at {at}"));
        let rates: Vec<String> = rates.collect();
        Ok((
            clients,
            format!(
                "pgbench, textbook, sales/s by clients: {}",
                rates.join(", ")
            ),
        ))
    }

    /// Checks that every sale of pgbench wrote all of its rows, so that the comparison is fair.
    ///
    /// # Errors
    /// If rows are missing.
    pub fn must_balance(&self) -> Outcome<()> {
        let sold = self.count("payments WHERE status = 'COMPLETED'")?;
        for (table, times) in [
            ("invoices", 1),
            ("vouchers", 1),
            ("radcheck", 3),
            ("radreply", 3),
            ("radusergroup", 1),
            ("sms_messages", 1),
            ("webhook_deliveries", 1),
        ] {
            let rows = self.count(table)?;
            if rows != sold * times {
                return Err(format!("pgbench: {rows} rows of {table} for {sold} sales").into());
            }
        }
        Ok(())
    }

    fn count(&self, what: &str) -> Outcome<i64> {
        self.database
            .number(&format!("SELECT count(*) FROM {what}"))
    }

    fn place(&mut self, orders: usize) -> Outcome<()> {
        let waiting = usize::try_from(self.last + 1 - self.first).unwrap_or(0);
        if waiting < orders {
            let placed = self.database.place(orders - waiting)?;
            self.last = placed.last().map_or(self.last, |order| order.row);
        }
        self.database.execute("CHECKPOINT")
    }

    /// Latencies of three round trips on one connection: BEGIN, the statement `middle`, COMMIT.
    ///
    /// # Errors
    /// The database's error.
    pub fn three_round_trips(&self, middle: &'static str, seconds: f64) -> Outcome<Histogram<u64>> {
        self.database.block_on(async {
            let mut connection = connect(&self.database.url).await?;
            let mut latency = microseconds();
            let began = Instant::now();
            while began.elapsed().as_secs_f64() < seconds {
                let sent = Instant::now();
                connection.execute("BEGIN").await?;
                connection.execute(sqlx::query(middle)).await?;
                connection.execute("COMMIT").await?;
                latency.saturating_record(sent.elapsed().as_micros().try_into()?);
            }
            Ok(latency)
        })
    }

    /// PostgreSQL's version and the settings that affect the figures.
    ///
    /// # Errors
    /// The database's error.
    pub fn settings(&self) -> Outcome<String> {
        let sql = "SELECT version() || '; ' || string_agg(name || ' ' || setting || coalesce(' × ' || unit, ''), ', ' ORDER BY name)
                   FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes',
                       'shared_buffers', 'wal_level', 'max_wal_size')";
        self.database.text(sql)
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pgbench")
}

/// The path of pgbench. Debian installs it next to the server, outside `PATH`.
fn program() -> Outcome<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin/pgbench")))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    Ok(found.pop().unwrap_or_else(|| PathBuf::from("pgbench")))
}
