//! A real FreeRADIUS on a loopback port, with the shipped configuration: only the keys of
//! `settings.conf` are set, so the tests run what is shipped, with the shipped rights on PostgreSQL.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use super::radclient::{Reply, radclient};
use super::{Kind, TestDatabase};

/// The secret that radclient on this machine shares with the server.
pub const SECRET: &str = "loopback-secret-of-the-tests";

/// The shipped rights of FreeRADIUS's user on PostgreSQL. The tests run with no more.
const GRANTS: &str = include_str!("../../../deploy/freeradius/grants.sql");

/// Longer than any start on a busy machine.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// A `freeradius -f` in a folder of its own. It is killed when dropped, and its log is printed when
/// the test fails.
pub struct FreeRadius {
    child: Child,
    pub auth_port: u16,
    pub acct_port: u16,
    folder: TempDir,
    place: Place,
}

/// The settings of a server, so that it can be started again with them.
#[derive(Clone)]
pub struct Place {
    settings: Vec<(&'static str, String)>,
    zone: String,
    /// Authentication and accounting port; free ones are chosen if `None`.
    ports: Option<(u16, u16)>,
    /// One replacement in `radiusd.conf`, as an owner or an older version may have it.
    edit: Option<(&'static str, &'static str)>,
}

impl Place {
    /// Starts a server with these settings.
    pub async fn start(self) -> FreeRadius {
        blocking(move || FreeRadius::start_with(&self)).await
    }

    fn edit_in(&self, folder: &Path) {
        let Some((shipped, edited)) = self.edit else {
            return;
        };
        let file = folder.join("radiusd.conf");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(shipped), "radiusd.conf has no {shipped}");
        fs::write(file, text.replace(shipped, edited)).unwrap();
    }
}

impl FreeRadius {
    /// Starts on the database of a test.
    pub async fn start(database: &TestDatabase) -> Self {
        Self::start_in_zone(database, "UTC").await
    }

    /// Starts in a time zone other than that of malipo.
    pub async fn start_in_zone(database: &TestDatabase, zone: &str) -> Self {
        Self::place(database, zone).await.start().await
    }

    /// Starts on `127.0.0.1` and on `::1`.
    pub async fn start_on_ipv6(database: &TestDatabase) -> Self {
        let mut place = Self::place(database, "UTC").await;
        let more = [("listen_ipv6", "yes"), ("listen_address_ipv6", "::1")];
        let more = more.map(|(key, value)| (key, value.to_owned()));
        place.settings.extend(more);
        place.start().await
    }

    /// Starts with one text of `radiusd.conf` replaced by another.
    pub async fn start_edited(database: &TestDatabase, edit: (&'static str, &'static str)) -> Self {
        let mut place = Self::place(database, "UTC").await;
        place.edit = Some(edit);
        place.start().await
    }

    async fn place(database: &TestDatabase, zone: &str) -> Place {
        if database.kind == Kind::Postgres {
            database.execute(GRANTS).await;
        }
        Place {
            settings: settings_of(database),
            zone: zone.to_owned(),
            ports: None,
            edit: None,
        }
    }

    /// Kills the process (SIGKILL) and returns its settings, to start it again.
    pub fn kill(mut self) -> Place {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut place = self.place.clone();
        place.ports = Some((self.auth_port, self.acct_port));
        place
    }

    /// A free port may be taken before it is bound, so the start is retried.
    fn start_with(place: &Place) -> Self {
        for _ in 0..5 {
            if let Some(started) = Self::try_start(place) {
                return started;
            }
        }
        panic!("FreeRADIUS does not start; see its log above");
    }

    fn try_start(place: &Place) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let ports = place.ports;
        let (auth_port, acct_port) = ports.unwrap_or_else(|| (free_port(), free_port()));
        let mut settings = place.settings.clone();
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
        place.edit_in(folder.path());
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new("freeradius")
            .args(["-fxx", "-l", "stdout", "-d"])
            .arg(folder.path())
            .env("TZ", &place.zone)
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
            place: place.clone(),
        };
        started.is_ready().then_some(started)
    }

    fn is_ready(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < GIVE_UP_AFTER {
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

    /// Everything that it has logged; with `-xx` it logs each query.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it has logged this text.
    pub async fn until_logged(&self, text: &str) {
        let begun = Instant::now();
        while !self.log().contains(text) {
            assert!(begun.elapsed() < GIVE_UP_AFTER, "not logged: {text}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
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

    /// Sends an accounting request, as a router does.
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

impl Drop for FreeRadius {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the end of FreeRADIUS's log:\n{}", self.end_of_log());
        }
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies the shipped files and fills in `settings.conf`; fails on a key that the file does not
/// have.
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
                ("postgresql_database", name),
            ]
        }
    }
}

/// A UDP port that is free at the moment.
pub fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// Runs blocking work on another thread, so that the other tasks of the test go on.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
