//! A TCP proxy between the server and PostgreSQL that simulates several network faults.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use malipo::domain::people::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{Kind, TestApp, TestDatabase};

/// How long PostgreSQL does not notice that the client behind a broken connection has hung up:
/// longer than its own time-outs, and limited, because it has only so many connections.
const UNAWARE: Duration = Duration::from_secs(60);

/// The message by which sqlx tests whether PostgreSQL still answers: a Sync and nothing else.
const PING: [u8; 5] = [b'S', 0, 0, 0, 4];

/// The state of the simulated network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Forwards everything.
    Up,
    /// Forwards everything, each burst delayed by this time.
    Slow(Duration),
    /// Forwards requests and drops answers, without closing: half-open.
    HalfOpen,
    /// Drops everything without closing: a black hole.
    Silent,
    /// Forwards everything, but a connection on which the client tests whether the server is alive
    /// falls silent: this hits connections at the moment they return to a pool.
    PingsLost,
    /// Resets every connection and refuses new ones.
    Cut,
}

impl Network {
    fn forwards_answers(self) -> bool {
        match self {
            Self::Up | Self::Slow(_) | Self::PingsLost => true,
            Self::HalfOpen | Self::Silent | Self::Cut => false,
        }
    }
}

/// The proxy. Connections made while it was silent stay silent for ever, as when a firewall has
/// dropped their state.
pub struct Proxy {
    pub address: SocketAddr,
    state: Arc<watch::Sender<Network>>,
    counts: Arc<Counts>,
}

/// What the client has sent.
#[derive(Default)]
struct Counts {
    questions: AtomicU64,
    untested: AtomicU64,
}

/// Starts a server that reaches PostgreSQL through a proxy.
pub async fn start_behind_a_proxy() -> (TestApp, Proxy) {
    let database = TestDatabase::create(Kind::Postgres).await;
    let proxy = Proxy::to(database.server_address()).await;
    let through = proxy.url_of(&database);
    let app = TestApp::start_on(database, |config| {
        config.database.url = Secret::new(through);
    })
    .await;
    (app, proxy)
}

impl Proxy {
    /// The URL of this database through the proxy.
    pub fn url_of(&self, database: &TestDatabase) -> String {
        let server = database.server_address().to_string();
        database.url.replace(&server, &self.address.to_string())
    }

    /// A proxy to `target`.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(Network::Up));
        let counts = Arc::new(Counts::default());
        let (for_task, counter) = (state.clone(), counts.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, for_task.subscribe(), counter.clone()));
            }
        });
        Self {
            address,
            state,
            counts,
        }
    }

    /// How many times the client has sent something: once for each query, because it waits for each
    /// answer.
    pub fn questions(&self) -> u64 {
        self.counts.questions.load(Ordering::Relaxed)
    }

    /// How many times the client has used a connection that fell silent for good, after the network
    /// was up again, without testing it first.
    pub fn untested(&self) -> u64 {
        self.counts.untested.load(Ordering::Relaxed)
    }

    pub fn set(&self, network: Network) {
        self.state.send_replace(network);
    }
}

async fn carry(
    client: TcpStream,
    target: SocketAddr,
    mut state: watch::Receiver<Network>,
    counts: Arc<Counts>,
) {
    if *state.borrow() == Network::Cut {
        client.set_zero_linger().unwrap();
        return;
    }
    // If the server is away and refuses, the proxy refuses too.
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (answered, pace) = (AtomicU64::new(0), state.clone());
    let broken = async {
        let broken = state.wait_for(|network| !network.forwards_answers()).await;
        broken.map_or(Network::Silent, |network| *network)
    };
    let how = tokio::select! {
        biased;
        how = broken => how,
        () = pump(&mut from_client, &mut to_server, &counts.questions, &pace) => return,
        () = pump(&mut from_server, &mut to_client, &answered, &pace) => return,
    };
    match how {
        Network::Cut => {
            let client = from_client.reunite(to_client).unwrap();
            let server = from_server.reunite(to_server).unwrap();
            client.set_zero_linger().unwrap();
            server.set_zero_linger().unwrap();
        }
        // For good: answers are dropped, nothing is closed.
        Network::HalfOpen => {
            let mut nowhere = tokio::io::sink();
            let swallow = async {
                let _ = tokio::io::copy(&mut from_server, &mut nowhere).await;
                std::future::pending::<()>().await;
            };
            let questions = async {
                pump(&mut from_client, &mut to_server, &counts.questions, &pace).await;
                tokio::time::sleep(UNAWARE).await;
            };
            tokio::select! {
                () = swallow => {}
                () = questions => {}
            }
        }
        // For good: requests are dropped, nothing is closed.
        Network::Silent | Network::Up | Network::Slow(_) | Network::PingsLost => {
            swallow(&mut from_client, &counts.untested, &pace).await;
            tokio::time::sleep(UNAWARE).await;
        }
    }
}

async fn swallow(
    from: &mut OwnedReadHalf,
    untested: &AtomicU64,
    network: &watch::Receiver<Network>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if network.borrow().forwards_answers() && !is_a_test(&buffer[..read]) {
            untested.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether these bytes only test the connection or say goodbye. The ROLLBACK that cleans a
/// connection before others use it counts as a test, and so does the listener's LISTEN.
fn is_a_test(said: &[u8]) -> bool {
    const TERMINATE: u8 = b'X';
    let says = |word: &[u8]| said.windows(word.len()).any(|part| part == word);
    said == PING || said[0] == TERMINATE || says(b"ROLLBACK") || says(b"LISTEN")
}

async fn pump(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    bursts: &AtomicU64,
    pace: &watch::Receiver<Network>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        bursts.fetch_add(1, Ordering::Relaxed);
        let pace = *pace.borrow();
        match pace {
            Network::Slow(by) => tokio::time::sleep(by).await,
            Network::PingsLost if buffer[..read] == PING => std::future::pending().await,
            Network::Up
            | Network::PingsLost
            | Network::HalfOpen
            | Network::Silent
            | Network::Cut => {}
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
