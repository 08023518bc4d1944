//! The system under torture: malipo's processes on fixed ports, their database, and what is between
//! them.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use malipo::config::DatabaseConfig;
use malipo::domain::people::Secret;
use malipo::drill::{PlayedOrder, Target};
use malipo::store::Store;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::cluster::{Cluster, free_port, is_root, run};
use super::front::Front;
use crate::harness::http_client;
use crate::harness::process::Process;
use crate::harness::proxy::Proxy;
use crate::harness::{KEY, Kind};

/// How long a process may need until it serves again after harm.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Enough for hours of orders, and quickly filled.
const DISK: &str = "size=256m";

/// The system under torture.
pub struct Scene {
    pub kind: Kind,
    pub servers: Vec<Server>,
    /// The address at which the drill buys.
    base: String,
    /// The database's URL for the test, not through the proxy.
    database_url: String,
    pub cluster: Option<Cluster>,
    pub proxy: Option<Proxy>,
    pub disk: Option<Disk>,
    /// All orders that were bought in it.
    pub played: Vec<PlayedOrder>,
    _front: Option<Front>,
    _folder: TempDir,
}

/// One process that comes back on the same port whenever it is killed.
pub struct Server {
    port: u16,
    database: String,
    log: PathBuf,
    pub process: Option<Process>,
}

/// A small disk of its own, to be filled.
pub struct Disk {
    mounted: PathBuf,
}

impl Scene {
    /// Three processes behind nginx, and a proxy between them and PostgreSQL.
    pub async fn on_postgres() -> Self {
        let cluster = spawn_blocking(Cluster::start).await.unwrap();
        let proxy = Proxy::to(cluster.address()).await;
        let url = |address| format!("postgres://postgres@{address}/postgres");
        let folder = TempDir::new().unwrap();
        let ports = [free_port(), free_port(), free_port()];
        let mut servers = Vec::new();
        for port in ports {
            servers.push(Server::start(port, url(proxy.address), &folder).await);
        }
        let front = Front::before(ports);
        Self {
            kind: Kind::Postgres,
            servers,
            base: front.base.clone(),
            database_url: url(cluster.address()),
            cluster: Some(cluster),
            proxy: Some(proxy),
            disk: None,
            played: Vec::new(),
            _front: Some(front),
            _folder: folder,
        }
    }

    /// One process on a SQLite file, on a small disk if the test may mount one.
    pub async fn on_sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let disk = Disk::mount(folder.path().join("disk"));
        let database_url = format!(
            "sqlite://{}/disk/malipo.db?mode=rwc",
            folder.path().display()
        );
        let server = Server::start(free_port(), database_url.clone(), &folder).await;
        Self {
            kind: Kind::Sqlite,
            base: format!("http://127.0.0.1:{}", server.port),
            servers: vec![server],
            database_url,
            cluster: None,
            proxy: None,
            disk,
            played: Vec::new(),
            _front: None,
            _folder: folder,
        }
    }

    /// The drill's target. It has no database while it buys, because the database may be away.
    pub fn target(&self, store: Option<Store>) -> Target {
        Target {
            url: self.base.parse().unwrap(),
            token: None,
            key: Secret::new(KEY),
            store,
            scene: format!("{:?}", self.kind),
        }
    }

    /// Opens the database anew: old connections are dead.
    pub async fn open_store(&self) -> Store {
        let config = DatabaseConfig {
            url: Secret::new(self.database_url.as_str()),
            auto_migrate: false,
            ..DatabaseConfig::default()
        };
        let begun = Instant::now();
        loop {
            match Store::open_beside(&config).await {
                Ok(store) => return store,
                Err(error) if begun.elapsed() > READY_WITHIN => panic!("{error}"),
                // For example while it still recovers.
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// Waits until every process serves; returns those that have died by themselves.
    pub async fn until_ready(&mut self) -> Vec<String> {
        let http = http_client();
        let mut complaints = Vec::new();
        for server in &mut self.servers {
            if !server.process.as_mut().is_some_and(Process::is_alive) {
                complaints.push(format!("the process on port {} has died", server.port));
                server.restart().await;
            }
            let begun = Instant::now();
            let ready = format!("http://127.0.0.1:{}/health/ready", server.port);
            loop {
                let request = http.get(&ready).timeout(Duration::from_secs(10));
                let answer = request.send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    break;
                }
                if begun.elapsed() > READY_WITHIN {
                    complaints.push(format!("the process on port {} is not ready", server.port));
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        complaints
    }
}

impl Server {
    async fn start(port: u16, database: String, folder: &TempDir) -> Self {
        let mut server = Self {
            port,
            database,
            log: folder.path().join(format!("log-{port}")),
            process: None,
        };
        server.restart().await;
        server
    }

    /// Starts it, on another thread, so that the proxy and the drill go on meanwhile.
    pub async fn restart(&mut self) {
        self.process = None;
        let bind = format!("127.0.0.1:{}", self.port);
        let (database, log) = (self.database.clone(), self.log.clone());
        let started = spawn_blocking(move || {
            let settings = [
                ("MALIPO__SERVER__BIND", bind.as_str()),
                ("MALIPO__SERVER__TRUSTED_PROXIES", "127.0.0.1"),
                // The drill exceeds the default limit of prompts.
                ("MALIPO__LIMITS__PURCHASES_PER_CLIENT_MIN", "1000000"),
                ("MALIPO__LOG__FILTER", "error"),
            ];
            let log = File::options().create(true).append(true).open(log);
            Process::serve_telling(&database, &settings, Stdio::from(log.unwrap()))
        });
        self.process = Some(started.await.unwrap());
    }

    /// Kills it without a shutdown.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    pub fn signal(&self, name: &str) {
        if let Some(process) = &self.process {
            process.signal(name);
        }
    }

    /// Sends it this signal and waits for its end; returns the exit code.
    pub async fn stop(&mut self, signal: &str) -> Option<i32> {
        let mut process = self.process.take()?;
        process.signal(signal);
        spawn_blocking(move || process.wait()).await.unwrap()
    }
}

impl Disk {
    /// `None` if mounting is not allowed.
    fn mount(at: PathBuf) -> Option<Self> {
        fs::create_dir(&at).unwrap();
        if !is_root() {
            return None;
        }
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", DISK, "malipo-torture"]);
        let mounted = mount.arg(&at).status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self { mounted: at })
    }

    /// Fills the disk completely.
    pub fn fill(&self) {
        let zeros = vec![0; 256 * 1024];
        let mut ballast = File::create(self.mounted.join("ballast")).unwrap();
        for bytes in [zeros.len(), 512] {
            while std::io::Write::write_all(&mut ballast, &zeros[..bytes]).is_ok() {}
        }
    }

    pub fn make_room(&self) {
        fs::remove_file(self.mounted.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A process that still has a file open there keeps it until the end.
        run(Command::new("umount").arg("--lazy").arg(&self.mounted));
    }
}
