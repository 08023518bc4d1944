//! The yardsticks of PostgreSQL: pgbench with a textbook's script, pgbench with one call, and bare
//! round trips by the driver that the server uses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use hdrhistogram::Histogram;
use sea_orm::sqlx::{self, Executor};

use crate::common::Outcome;
use crate::common::books::{Books, connect};
use crate::common::client::microseconds;
use crate::common::options::{Kind, Options};

/// Sales a second that are more than PostgreSQL makes, even by one function call and on a machine
/// that does not wait for its disk.
const MOST_SALES: f64 = 30_000.0;
/// Sales of each client in a small run, which ends with them: however quick the machine is, its
/// orders do not run out.
const FEW_SALES: usize = 100;

/// Commits nothing, so it waits for no disk.
pub const NOTHING: &str = "SELECT 1";
/// Commits the least there is, which waits for the disk as a sale does.
pub const ONE_ROW: &str = "INSERT INTO bench_rows DEFAULT VALUES";

/// A script in `benches/pgbench`.
#[derive(Clone, Copy)]
pub enum Script {
    /// Eleven statements, each a round trip.
    Textbook,
    /// One call of one function.
    FunctionCall,
}

/// pgbench, with orders of its own.
pub struct Pgbench {
    books: Books,
    program: PathBuf,
    /// The first order that is not sold.
    first: i64,
    /// The last order.
    last: i64,
    /// A small run, counted in sales instead of seconds.
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
    /// Prepares a database like the server's, and the function.
    ///
    /// # Errors
    /// If PostgreSQL or pgbench are not there.
    pub fn prepare(options: &Options) -> Outcome<Self> {
        let books = Books::create(Kind::Postgres, "pgbench")?;
        books.execute(&fs::read_to_string(scripts().join("function.sql"))?)?;
        books.execute("CREATE TABLE bench_rows (at timestamptz DEFAULT now())")?;
        Ok(Self {
            books,
            program: program()?,
            first: 1,
            last: 0,
            smoke: options.smoke,
        })
    }

    /// Sales a second, for so long.
    ///
    /// # Errors
    /// If pgbench fails, as when its orders run out.
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
            .arg(&self.books.url)
            .output()?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("pgbench failed: {why}{told}").into());
        }
        // Clients run ahead of each other, so some orders between them stay unsold.
        let sold = "SELECT coalesce(max(id), 0) FROM payments WHERE status = 'COMPLETED'";
        self.first = self.books.number(sold)? + 1;
        let rate = told.split("tps = ").nth(1);
        let rate = rate.and_then(|rest| rest.split_whitespace().next());
        Ok(rate
            .ok_or_else(|| format!("pgbench told no rate: {told}"))?
            .parse()?)
    }

    /// The number of clients at which the textbook's script is quickest.
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
        let told = tried.iter().map(|(rate, at)| format!("{rate:.0} at {at}"));
        let told: Vec<String> = told.collect();
        Ok((
            clients,
            format!("pgbench, textbook, sales/s by clients: {}", told.join(", ")),
        ))
    }

    /// Every sale that pgbench made is whole, so that it did what it is compared for.
    ///
    /// # Errors
    /// If one is not.
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
        self.books.number(&format!("SELECT count(*) FROM {what}"))
    }

    fn place(&mut self, orders: usize) -> Outcome<()> {
        let waiting = usize::try_from(self.last + 1 - self.first).unwrap_or(0);
        if waiting < orders {
            let placed = self.books.place(orders - waiting)?;
            self.last = placed.last().map_or(self.last, |order| order.row);
        }
        self.books.execute("CHECKPOINT")
    }

    /// How long three bare round trips take on one connection: begin, this statement, commit.
    ///
    /// # Errors
    /// In the database's words.
    pub fn three_round_trips(&self, middle: &'static str, seconds: f64) -> Outcome<Histogram<u64>> {
        self.books.block_on(async {
            let mut connection = connect(&self.books.url).await?;
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

    /// How PostgreSQL is set where it matters here.
    ///
    /// # Errors
    /// If it does not tell.
    pub fn settings(&self) -> Outcome<String> {
        let sql = "SELECT version() || '; ' || string_agg(name || ' ' || setting || coalesce(' × ' || unit, ''), ', ' ORDER BY name)
                   FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes',
                       'shared_buffers', 'wal_level', 'max_wal_size')";
        self.books.text(sql)
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pgbench")
}

/// Debian keeps it beside the server.
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
