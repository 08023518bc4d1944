//! A PostgreSQL that belongs to the torture, because it is killed.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than any recovery on a busy machine.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// The cluster; removed when dropped.
pub struct Cluster {
    bin: PathBuf,
    folder: TempDir,
    port: u16,
    postmaster: Child,
}

/// A port below Linux's ephemeral ones, so that no other process takes it while its server is dead.
pub fn free_port() -> u16 {
    loop {
        let random = uuid::Uuid::new_v4().as_u64_pair().0;
        let port = 20_000 + u16::try_from(random % 12_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

pub fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

impl Cluster {
    /// Creates an empty cluster and starts it.
    pub fn start() -> Self {
        let bin = newest_bin();
        // Not under $TMPDIR: user postgres may have no access there.
        let folder = tempfile::Builder::new()
            .prefix("malipo-cluster")
            .tempdir_in("/tmp")
            .unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(folder.path()));
        }
        let arguments = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"];
        let mut initdb = as_server(&bin.join("initdb"));
        run(initdb
            .arg("-D")
            .arg(folder.path().join("data"))
            .args(arguments));
        let port = free_port();
        let postmaster = spawn(&bin, folder.path(), port);
        let mut cluster = Self {
            bin,
            folder,
            port,
            postmaster,
        };
        cluster.until_it_answers();
        cluster
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Kills the postmaster as the kernel does when memory runs out, and starts it again; it then
    /// recovers.
    pub fn kill_and_restart(&mut self) {
        self.postmaster.kill().unwrap();
        self.postmaster.wait().unwrap();
        self.postmaster = spawn(&self.bin, self.folder.path(), self.port);
        self.until_it_answers();
    }

    /// Kills one of the processes that serve a connection: PostgreSQL then ends all others by
    /// itself, and recovers.
    pub fn kill_a_backend(&mut self, which: usize) {
        let children = self.children();
        let victim = children[which % children.len()].to_string();
        // It may have ended by itself meanwhile.
        let _ = Command::new("kill").args(["-KILL", &victim]).status();
        self.until_it_answers();
    }

    /// Sends a signal to every process of the cluster.
    pub fn signal(&self, name: &str) {
        let mut processes = self.children();
        processes.push(self.postmaster.id());
        let pids = processes.iter().map(u32::to_string);
        // Some may have ended by themselves meanwhile.
        let _ = Command::new("kill").arg(name).args(pids).status();
    }

    fn children(&self) -> Vec<u32> {
        let pid = self.postmaster.id();
        let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let pids = listed.split_whitespace().map(|pid| pid.parse().unwrap());
        pids.collect()
    }

    /// Processes of the old server may still be ending; until then a start fails.
    fn until_it_answers(&mut self) {
        let begun = Instant::now();
        let port = self.port.to_string();
        loop {
            let mut ready = Command::new(self.bin.join("pg_isready"));
            let ready = ready.args(["-q", "-h", "127.0.0.1", "-p", &port]).status();
            if ready.unwrap().success() {
                return;
            }
            if self.postmaster.try_wait().unwrap().is_some() {
                self.postmaster = spawn(&self.bin, self.folder.path(), self.port);
            }
            assert!(
                begun.elapsed() < GIVE_UP_AFTER,
                "PostgreSQL does not come back"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.signal("-CONT");
        let pid = self.postmaster.id().to_string();
        // An immediate shutdown, because the data is not needed.
        let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        let _ = self.postmaster.wait();
    }
}

fn newest_bin() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").unwrap();
    let mut bins: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let folder = version.unwrap();
            let number = folder.file_name().to_str()?.parse().ok()?;
            Some((number, folder.path().join("bin")))
        })
        .collect();
    bins.sort();
    bins.pop().expect("PostgreSQL is not installed").1
}

/// PostgreSQL refuses to run as root.
fn as_server(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=postgres",
        "--regid=postgres",
        "--init-groups",
        "--",
    ]);
    command.arg(program);
    // The server may have no access to our own folder.
    command.current_dir("/");
    command
}

/// Without fsync: only processes are killed here, not the machine.
fn spawn(bin: &Path, folder: &Path, port: u16) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    as_server(&bin.join("postgres"))
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-p", &port.to_string()])
        .arg("-c")
        .arg(format!("unix_socket_directories={}", folder.display()))
        .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
        // PostgreSQL notices the clients behind a broken connection only after a while.
        .args(["-c", "max_connections=500"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}
