//! A cable between us and PostgreSQL that can be cut in several ways.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the cable does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cable {
    /// Carries.
    Whole,
    /// Carries nothing and says nothing: a black hole.
    Silent,
    /// Ends every connection with a reset, and takes none.
    Cut,
}

/// The cable; connections made while it was silent stay silent for ever, as when a firewall
/// has forgotten them.
pub struct Proxy {
    pub address: SocketAddr,
    state: Arc<watch::Sender<Cable>>,
    sent: Arc<AtomicU64>,
}

impl Proxy {
    /// Carries to `target`.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(Cable::Whole));
        let sent = Arc::new(AtomicU64::new(0));
        let (for_task, counter) = (state.clone(), sent.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, for_task.subscribe(), counter.clone()));
            }
        });
        Self {
            address,
            state,
            sent,
        }
    }

    /// How often the client has spoken: once a question, for it waits for each answer.
    pub fn questions(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn set(&self, cable: Cable) {
        self.state.send_replace(cable);
    }
}

async fn carry(
    client: TcpStream,
    target: SocketAddr,
    mut state: watch::Receiver<Cable>,
    sent: Arc<AtomicU64>,
) {
    if *state.borrow() == Cable::Cut {
        client.set_zero_linger().unwrap();
        return;
    }
    let server = TcpStream::connect(target).await.unwrap();
    let was_silent = *state.borrow() == Cable::Silent;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answered = AtomicU64::new(0);
    if !was_silent {
        tokio::select! {
            () = pump(&mut from_client, &mut to_server, &sent) => return,
            () = pump(&mut from_server, &mut to_client, &answered) => return,
            _ = state.wait_for(|cable| *cable != Cable::Whole) => {}
        }
        if *state.borrow() == Cable::Cut {
            return;
        }
    }
    // Silent for good: the halves are kept, nothing is read, nothing is closed.
    std::future::pending::<()>().await;
}

async fn pump(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, bursts: &AtomicU64) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        bursts.fetch_add(1, Ordering::Relaxed);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
