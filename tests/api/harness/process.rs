//! The binary itself, as an operator starts it and as the kernel kills it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::TOKEN;

/// Longer than any start on a busy machine.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// A `malipo serve` in a folder of its own; killed when dropped.
pub struct Process {
    child: Child,
    pub base: String,
    /// The lines that it printed before it served.
    pub greeting: Vec<String>,
    _folder: Option<TempDir>,
}

/// The binary with an environment of its own.
pub fn malipo(folder: &std::path::Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_malipo"));
    command
        .current_dir(folder)
        .env_clear()
        .envs(settings.iter().copied());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command to its end in an empty folder.
pub fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let folder = TempDir::new().unwrap();
    malipo(folder.path(), settings)
        .args(arguments)
        .output()
        .unwrap()
}

impl Process {
    /// Starts a server on a database and waits until it says that it serves.
    pub fn serve(database_url: &str, settings: &[(&str, &str)]) -> Self {
        Self::serve_telling(database_url, settings, Stdio::inherit())
    }

    /// The same, with the log sent elsewhere.
    pub fn serve_telling(database_url: &str, settings: &[(&str, &str)], log: Stdio) -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = malipo(folder.path(), &[]);
        command.stderr(log);
        Self::start(command, database_url, settings, Some(folder))
    }

    /// The same with a command and a folder of the caller.
    pub fn serve_by(command: Command, database_url: &str, settings: &[(&str, &str)]) -> Self {
        Self::start(command, database_url, settings, None)
    }

    fn start(
        mut command: Command,
        database_url: &str,
        settings: &[(&str, &str)],
        folder: Option<TempDir>,
    ) -> Self {
        command
            .env("MALIPO__DATABASE__URL", database_url)
            .env("MALIPO__SERVER__BIND", "127.0.0.1:0")
            .env("MALIPO__OPERATOR__TOKEN", TOKEN)
            .env("MALIPO__SANDBOX__APPROVE_AFTER_MS", "0")
            .env("MALIPO__LIMITS__PROMPTS_PER_SEC", "100000")
            .env("MALIPO__LOG__FILTER", "warn")
            .envs(settings.iter().copied());
        let mut child = command.spawn().unwrap();
        let greeting = greeting(&mut child);
        let base = greeting
            .iter()
            .find_map(|line| {
                line.split_whitespace()
                    .find(|word| word.starts_with("http://"))
            })
            .unwrap_or_else(|| panic!("no address in {greeting:?}"))
            .to_owned();
        Self {
            child,
            base,
            greeting,
            _folder: folder,
        }
    }

    /// Kills the process as the kernel does when memory runs out: nothing is finished.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether the process is still running.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal, by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Resident memory in KiB, by `proc_pid_status(5)`.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse().unwrap()
    }

    /// Waits until the process ends and returns the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(
                started.elapsed() < GIVE_UP_AFTER,
                "the server does not stop"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process has usually ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads lines up to the last one of the greeting. A thread reads the pipe from then on, so that
/// the server never blocks on it.
fn greeting(child: &mut Child) -> Vec<String> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        while output.read_line(&mut line).is_ok_and(|read| read > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                break;
            }
        }
        let _ = output.read_to_end(&mut Vec::new());
    });
    let mut lines = vec![
        receiver
            .recv_timeout(GIVE_UP_AFTER)
            .expect("the server did not start"),
    ];
    while let Ok(line) = receiver.recv_timeout(Duration::from_millis(200)) {
        lines.push(line);
    }
    lines
}
