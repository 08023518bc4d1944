//! The server in its own process: the release binary in live mode, on a loopback port. ZenoPay's address
//! is a closed port, unless a benchmark has a gateway of its own. Text messages wait in the outbox. So
//! only the work of a webhook is measured.

use std::collections::HashMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use malipo::domain::order::OrderRef;

use super::Outcome;
use super::database::{Database, folder};

/// The `x-api-key` of webhooks.
pub const KEY: &str = "key-of-the-benchmark";
/// The operator's API token.
pub const TOKEN: &str = "operator-token-of-the-benchmark";
/// Settings that make the server log each commit.
pub const TELLS_COMMITS: [(&str, &str); 2] = [
    ("LOG__FILTER", "error,malipo::actors::order=info"),
    ("LOG__FORMAT", "json"),
];
const START_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
    /// The log file.
    log: PathBuf,
}

impl Server {
    /// Starts a server on a database. `settings` are configuration keys in the form of environment
    /// variables, without the prefix.
    ///
    /// # Errors
    /// If the server does not start in time; the error has its log.
    pub fn start(database: &Database, settings: &[(&str, &str)]) -> Outcome<Self> {
        let log = folder()?.join(format!("server-{}.log", std::process::id()));
        let file = File::create(&log)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_malipo"));
        command
            .current_dir(folder()?)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let usual = [
            ("SERVER__BIND", "127.0.0.1:0"),
            ("SERVER__PUBLIC_URL", "https://wifi.example"),
            ("DATABASE__URL", database.url.as_str()),
            ("ZENOPAY__MODE", "live"),
            // Port 9 (`discard`) is closed, so that a connection is refused at once.
            ("ZENOPAY__BASE_URL", "http://127.0.0.1:9"),
            ("ZENOPAY__API_KEY", KEY),
            ("OPERATOR__TOKEN", TOKEN),
            ("LOG__FILTER", "error"),
        ];
        for (key, value) in usual.iter().chain(settings) {
            command.env(format!("MALIPO__{key}"), value);
        }
        let mut child = command.spawn()?;
        let address = await_address(&mut child, &log)?;
        Ok(Self {
            address,
            child,
            log,
        })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The commit time of each order according to the log, which needs the settings [`TELLS_COMMITS`].
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn commits(&self) -> Outcome<HashMap<OrderRef, DateTime<Utc>>> {
        let text = std::fs::read_to_string(&self.log)?;
        let commit = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            let order = line["order"].as_str()?.parse().ok()?;
            Some((order, line["committed_at"].as_str()?.parse().ok()?))
        };
        Ok(text.lines().filter_map(commit).collect())
    }

    /// Resident memory, in bytes.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn resident(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: u64 = kib.ok_or("/proc has no VmRSS")?.parse()?;
        Ok(kib * 1024)
    }

    /// Stops the server with SIGTERM.
    ///
    /// # Errors
    /// If it does not end in time.
    pub fn stop(mut self) -> Outcome<()> {
        self.signal("TERM")?;
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            if began.elapsed() > STOP_WITHIN {
                return Err("the server does not stop".into());
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn signal(&self, name: &str) -> Outcome<()> {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.id().to_string())
            .status()?;
        if sent.success() {
            Ok(())
        } else {
            Err(format!("the server is gone: kill -{name} failed").into())
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the log line that has the server's address.
fn await_address(child: &mut Child, log: &PathBuf) -> Outcome<SocketAddr> {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(log)?;
        let place = text.split("serves at http://").nth(1);
        if let Some(address) = place.and_then(|rest| rest.split_whitespace().next()) {
            return Ok(address.parse()?);
        }
        if child.try_wait()?.is_some() || began.elapsed() > START_WITHIN {
            let _ = child.kill();
            return Err(format!("the server does not serve: {text}").into());
        }
        sleep(Duration::from_millis(10));
    }
}
