//! A real FreeRADIUS on a loopback port, with the configuration that we ship: only what
//! `settings.conf` is there for is set, so that what is tested is what is shipped.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Kind, TestDatabase};

/// What radclient on this machine shares with the server.
pub const SECRET: &str = "loopback-secret";

/// Longer than any start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `freeradius -f` in a folder of its own; killed when dropped, its log shown when the test
/// fails.
pub struct FreeRadius {
    child: Child,
    pub auth_port: u16,
    pub acct_port: u16,
    folder: TempDir,
}

/// What a server said.
#[derive(Clone, Debug)]
pub struct Reply {
    /// As in `Access-Accept`; empty if there was no answer.
    pub code: String,
    /// Name and value of each attribute, without quotes.
    pub attributes: Vec<(String, String)>,
}

impl Reply {
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).map(|value| value.parse().unwrap())
    }

    #[track_caller]
    pub fn assert_accepted(&self) {
        assert_eq!(self.code, "Access-Accept", "{:?}", self.attributes);
    }

    #[track_caller]
    pub fn assert_rejected(&self) {
        assert_eq!(self.code, "Access-Reject", "{:?}", self.attributes);
    }
}

impl FreeRadius {
    /// Starts on the books of a test.
    pub async fn start(database: &TestDatabase) -> Self {
        Self::start_in_zone(database, "UTC").await
    }

    /// Starts with another time zone than ours.
    pub async fn start_in_zone(database: &TestDatabase, zone: &str) -> Self {
        let (settings, zone) = (settings_of(database), zone.to_owned());
        blocking(move || Self::start_with(&settings, &zone)).await
    }

    /// A port that was free may be taken before it is bound, so it is tried again.
    fn start_with(settings: &[(&str, String)], zone: &str) -> Self {
        for _ in 0..5 {
            if let Some(started) = Self::try_start(settings, zone) {
                return started;
            }
        }
        panic!("FreeRADIUS does not start; see its log above");
    }

    fn try_start(settings: &[(&str, String)], zone: &str) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let (auth_port, acct_port) = (free_port(), free_port());
        let mut settings = settings.to_vec();
        settings.extend([
            ("local_secret", SECRET.to_owned()),
            ("listen_address", "127.0.0.1".to_owned()),
            ("auth_port", auth_port.to_string()),
            ("acct_port", acct_port.to_string()),
            ("run_folder", folder.path().display().to_string()),
        ]);
        if let Ok(stock) = std::env::var("MALIPO_TEST_FREERADIUS_QUERIES") {
            settings.push(("stock_queries", stock));
        }
        install(folder.path(), &settings);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new("freeradius")
            .args(["-fxx", "-l", "stdout", "-d"])
            .arg(folder.path())
            .env("TZ", zone)
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .expect("freeradius is not installed: run `./scripts/test`");
        let mut started = Self {
            child,
            auth_port,
            acct_port,
            folder,
        };
        started.is_ready().then_some(started)
    }

    fn is_ready(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.log().contains("Ready to process requests") {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                eprintln!("{}", self.end_of_log());
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("{}", self.end_of_log());
        false
    }

    /// Everything that it has said; `-xx` tells of each query.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn end_of_log(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Logs in by PAP, from this machine.
    pub async fn login(&self, code: &str, station: &str) -> Reply {
        let request = [
            ("User-Name", code),
            ("User-Password", code),
            ("Calling-Station-Id", station),
        ];
        self.ask("auth", SECRET, &request).await
    }

    /// Tells of a session, as a router does.
    pub async fn account(&self, attributes: &[(&str, &str)]) {
        let reply = self.ask("acct", SECRET, attributes).await;
        assert_eq!(reply.code, "Accounting-Response", "{attributes:?}");
    }

    /// Sends one request, `auth` or `acct`.
    pub async fn ask(&self, kind: &str, secret: &str, attributes: &[(&str, &str)]) -> Reply {
        let port = if kind == "acct" {
            self.acct_port
        } else {
            self.auth_port
        };
        radclient(&format!("127.0.0.1:{port}"), kind, secret, attributes).await
    }
}

/// FreeRADIUS's own client; an empty code if nothing answers.
pub async fn radclient(
    server: &str,
    kind: &str,
    secret: &str,
    attributes: &[(&str, &str)],
) -> Reply {
    let mut input = String::new();
    for (name, value) in attributes {
        writeln!(input, "{name} = \"{value}\"").unwrap();
    }
    let arguments = ["-x", "-r", "4", "-t", "2", server, kind, secret].map(str::to_owned);
    blocking(move || run_radclient(&arguments, &input)).await
}

fn run_radclient(arguments: &[String], input: &str) -> Reply {
    let mut child = Command::new("radclient")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("radclient is not installed: run `./scripts/test`");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let received = text
        .lines()
        .skip_while(|line| !line.starts_with("Received"));
    let mut reply = Reply {
        code: String::new(),
        attributes: Vec::new(),
    };
    for line in received {
        if let Some(head) = line.strip_prefix("Received ") {
            reply.code = head.split(' ').next().unwrap_or_default().to_owned();
        } else if let Some((name, value)) = line.trim().split_once(" = ") {
            let value = value.trim_matches('"').to_owned();
            reply.attributes.push((name.to_owned(), value));
        }
    }
    reply
}

impl Drop for FreeRadius {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the end of FreeRADIUS's log:\n{}", self.end_of_log());
        }
        // Already gone, perhaps.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies what we ship and fills in `settings.conf`; a name that it does not have fails.
fn install(folder: &Path, settings: &[(&str, String)]) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/freeradius");
    for entry in fs::read_dir(shipped).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "conf") {
            fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
    }
    let file = folder.join("settings.conf");
    let mut text = fs::read_to_string(&file).unwrap();
    for (name, value) in settings {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} = ")))
            .unwrap_or_else(|| panic!("settings.conf has no {name}"))
            .to_owned();
        let filled = match value.parse::<u32>() {
            Ok(number) => format!("{name} = {number}"),
            Err(_) => format!("{name} = \"{value}\""),
        };
        text = text.replace(&line, &filled);
    }
    fs::write(file, text).unwrap();
}

fn settings_of(database: &TestDatabase) -> Vec<(&'static str, String)> {
    match database.kind {
        Kind::Sqlite => {
            let path = database.url.trim_start_matches("sqlite://");
            let file = path.split('?').next().unwrap().to_owned();
            vec![("database", "sqlite".to_owned()), ("sqlite_file", file)]
        }
        Kind::Postgres => {
            let server = database.server_address();
            let name = database.url.rsplit('/').next().unwrap().to_owned();
            vec![
                ("database", "postgresql".to_owned()),
                ("postgresql_server", server.ip().to_string()),
                ("postgresql_port", server.port().to_string()),
                ("postgresql_user", "postgres".to_owned()),
                ("postgresql_database", name),
            ]
        }
    }
}

/// A UDP port that nobody has just now.
pub fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// Lets what else this test runs go on meanwhile.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
