//! A cable between us and PostgreSQL that can be cut in several ways.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use malipo::domain::people::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{Kind, TestApp, TestDatabase};

/// How long the server does not learn that the client behind a broken cable has hung up: longer
/// than its own time-outs, and not for ever, for it has only so many connections.
const UNAWARE: Duration = Duration::from_secs(60);

/// What sqlx asks to learn whether PostgreSQL still answers: a Sync and nothing else.
const PING: [u8; 5] = [b'S', 0, 0, 0, 4];

/// What the cable does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cable {
    /// Carries.
    Whole,
    /// Carries, each burst so much later.
    Slow(Duration),
    /// Carries questions and no answers, and closes nothing: half-open.
    HalfOpen,
    /// Carries nothing and says nothing: a black hole.
    Silent,
    /// Carries, but whoever asks whether the server still lives has that connection fall silent:
    /// what comes back to a pool does so just then.
    DeafToPings,
    /// Ends every connection with a reset, and takes none.
    Cut,
}

impl Cable {
    fn carries(self) -> bool {
        match self {
            Self::Whole | Self::Slow(_) | Self::DeafToPings => true,
            Self::HalfOpen | Self::Silent | Self::Cut => false,
        }
    }
}

/// The cable; connections made while it was silent stay silent for ever, as when a firewall
/// has forgotten them.
pub struct Proxy {
    pub address: SocketAddr,
    state: Arc<watch::Sender<Cable>>,
    counts: Arc<Counts>,
}

/// What the client has said.
#[derive(Default)]
struct Counts {
    questions: AtomicU64,
    untested: AtomicU64,
}

/// A server whose way to PostgreSQL leads through a cable.
pub async fn start_behind_a_cable() -> (TestApp, Proxy) {
    let database = TestDatabase::create(Kind::Postgres).await;
    let cable = Proxy::to(database.server_address()).await;
    let through = cable.url_of(&database);
    let app = TestApp::start_on(database, |config| {
        config.database.url = Secret::new(through);
    })
    .await;
    (app, cable)
}

impl Proxy {
    /// The database as it is reached through this cable.
    pub fn url_of(&self, database: &TestDatabase) -> String {
        let server = database.server_address().to_string();
        database.url.replace(&server, &self.address.to_string())
    }

    /// Carries to `target`.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(Cable::Whole));
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

    /// How often the client has spoken: once a question, for it waits for each answer.
    pub fn questions(&self) -> u64 {
        self.counts.questions.load(Ordering::Relaxed)
    }

    /// How often the client has worked over a connection that fell silent for good, after the cable
    /// was whole again: without asking first whether it lives.
    pub fn untested(&self) -> u64 {
        self.counts.untested.load(Ordering::Relaxed)
    }

    pub fn set(&self, cable: Cable) {
        self.state.send_replace(cable);
    }
}

async fn carry(
    client: TcpStream,
    target: SocketAddr,
    mut state: watch::Receiver<Cable>,
    counts: Arc<Counts>,
) {
    if *state.borrow() == Cable::Cut {
        client.set_zero_linger().unwrap();
        return;
    }
    // A server that is away refuses, and so do we.
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (answered, pace) = (AtomicU64::new(0), state.clone());
    let broken = async {
        let broken = state.wait_for(|cable| !cable.carries()).await;
        broken.map_or(Cable::Silent, |cable| *cable)
    };
    let how = tokio::select! {
        biased;
        how = broken => how,
        () = pump(&mut from_client, &mut to_server, &counts.questions, &pace) => return,
        () = pump(&mut from_server, &mut to_client, &answered, &pace) => return,
    };
    match how {
        Cable::Cut => {
            let client = from_client.reunite(to_client).unwrap();
            let server = from_server.reunite(to_server).unwrap();
            client.set_zero_linger().unwrap();
            server.set_zero_linger().unwrap();
        }
        // For good: what comes back is swallowed, nothing is closed.
        Cable::HalfOpen => {
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
        // For good: what is said is swallowed, nothing is closed.
        Cable::Silent | Cable::Whole | Cable::Slow(_) | Cable::DeafToPings => {
            swallow(&mut from_client, &counts.untested, &pace).await;
            tokio::time::sleep(UNAWARE).await;
        }
    }
}

async fn swallow(from: &mut OwnedReadHalf, untested: &AtomicU64, cable: &watch::Receiver<Cable>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if cable.borrow().carries() && !is_a_test(&buffer[..read]) {
            untested.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether this only asks if the server still hears us, or says good-bye: what cleans a connection
/// before others may use it, and who listens, ask by a statement.
fn is_a_test(said: &[u8]) -> bool {
    const TERMINATE: u8 = b'X';
    let says = |word: &[u8]| said.windows(word.len()).any(|part| part == word);
    said == PING || said[0] == TERMINATE || says(b"ROLLBACK") || says(b"LISTEN")
}

async fn pump(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    bursts: &AtomicU64,
    pace: &watch::Receiver<Cable>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        bursts.fetch_add(1, Ordering::Relaxed);
        let pace = *pace.borrow();
        match pace {
            Cable::Slow(by) => tokio::time::sleep(by).await,
            Cable::DeafToPings if buffer[..read] == PING => std::future::pending().await,
            Cable::Whole | Cable::DeafToPings | Cable::HalfOpen | Cable::Silent | Cable::Cut => {}
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
