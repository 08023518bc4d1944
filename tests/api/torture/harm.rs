//! Faults that are injected while the drill buys, and then removed.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::scene::Scene;
use crate::harness::proxy::Network;

/// One kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    KillOne,
    KillAll,
    KillPostgres,
    KillBackend,
    FreezeOne,
    FreezePostgres,
    Terminate,
    Interrupt,
    ResetNetwork,
    SlowNetwork,
    HalfOpenNetwork,
    SilentNetwork,
    FillDisk,
}

impl Harm {
    /// Faults of three processes on PostgreSQL; kills are twice as frequent.
    pub const ON_POSTGRES: [Self; 15] = [
        Self::KillOne,
        Self::KillOne,
        Self::KillAll,
        Self::KillAll,
        Self::KillPostgres,
        Self::KillPostgres,
        Self::KillBackend,
        Self::FreezeOne,
        Self::FreezePostgres,
        Self::Terminate,
        Self::Interrupt,
        Self::ResetNetwork,
        Self::SlowNetwork,
        Self::HalfOpenNetwork,
        Self::SilentNetwork,
    ];
    /// Faults of one process on SQLite.
    pub const ON_SQLITE: [Self; 6] = [
        Self::KillOne,
        Self::KillOne,
        Self::FillDisk,
        Self::FreezeOne,
        Self::Terminate,
        Self::Interrupt,
    ];

    /// The description in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::KillOne => "kill -9 of one malipo",
            Self::KillAll => "kill -9 of every malipo",
            Self::KillPostgres => "kill -9 of PostgreSQL",
            Self::KillBackend => "kill -9 of one of PostgreSQL's processes",
            Self::FreezeOne => "SIGSTOP of one malipo, then SIGCONT",
            Self::FreezePostgres => "SIGSTOP of PostgreSQL, then SIGCONT",
            Self::Terminate => "SIGTERM of one malipo",
            Self::Interrupt => "SIGINT of one malipo",
            Self::ResetNetwork => "every connection to PostgreSQL reset",
            Self::SlowNetwork => "a slow way to PostgreSQL",
            Self::HalfOpenNetwork => "answers of PostgreSQL lost",
            Self::SilentNetwork => "a black hole before PostgreSQL",
            Self::FillDisk => "the disk full",
        }
    }
}

/// The random parameters of one fault.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Which of several.
    pub which: usize,
    /// How long it lasts.
    pub lasts: Duration,
    /// How long a process stays frozen: longer than some time-outs, or than all of them.
    pub frozen: Duration,
}

/// Injects the fault and removes it; returns descriptions of unexpected behaviour.
pub async fn inflict(harm: Harm, manner: Manner, scene: &mut Scene) -> Vec<String> {
    let one = manner.which % scene.servers.len();
    let mut complaints = Vec::new();
    match harm {
        Harm::KillOne => {
            scene.servers[one].kill();
            sleep(manner.lasts).await;
            scene.servers[one].restart().await;
        }
        Harm::KillAll => {
            scene
                .servers
                .iter_mut()
                .for_each(super::scene::Server::kill);
            for server in &mut scene.servers {
                server.restart().await;
            }
        }
        Harm::KillPostgres | Harm::KillBackend => {
            let mut cluster = scene.cluster.take().unwrap();
            let killed = spawn_blocking(move || {
                if harm == Harm::KillPostgres {
                    cluster.kill_and_restart();
                } else {
                    cluster.kill_a_backend(manner.which);
                }
                cluster
            });
            scene.cluster = Some(killed.await.unwrap());
        }
        Harm::FreezeOne => {
            scene.servers[one].signal("-STOP");
            sleep(manner.frozen).await;
            scene.servers[one].signal("-CONT");
        }
        Harm::FreezePostgres => {
            let cluster = scene.cluster.as_ref().unwrap();
            cluster.signal("-STOP");
            sleep(manner.frozen).await;
            cluster.signal("-CONT");
        }
        Harm::Terminate | Harm::Interrupt => {
            let signal = if harm == Harm::Terminate {
                "-TERM"
            } else {
                "-INT"
            };
            let code = scene.servers[one].stop(signal).await;
            if code != Some(0) {
                complaints.push(format!("{} ended with {code:?}", harm.name()));
            }
            scene.servers[one].restart().await;
        }
        Harm::ResetNetwork => hold(scene, Network::Cut, manner.lasts).await,
        Harm::SlowNetwork => hold(scene, Network::Slow(manner.lasts / 40), manner.lasts * 3).await,
        Harm::HalfOpenNetwork => hold(scene, Network::HalfOpen, manner.lasts).await,
        Harm::SilentNetwork => hold(scene, Network::Silent, manner.lasts).await,
        Harm::FillDisk => {
            let disk = scene.disk.as_ref().unwrap();
            disk.fill();
            sleep(manner.lasts).await;
            disk.make_room();
        }
    }
    complaints
}

async fn hold(scene: &Scene, proxy: Network, lasts: Duration) {
    let between = scene.proxy.as_ref().unwrap();
    between.set(proxy);
    sleep(lasts).await;
    between.set(Network::Up);
}
