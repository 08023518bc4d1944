//! A router that receives Disconnect-Requests: a UDP socket that checks them as RFC 5176 requires
//! and answers as configured. FreeRADIUS's own client is the reference for both; see
//! `radius/disconnects.rs`.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use md5::{Digest, Md5};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// The secret that this router shares with FreeRADIUS and malipo.
pub const SECRET: &str = "router-secret";

/// How the router answers a request.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    Acknowledges,
    /// Refuses with this Error-Cause.
    Refuses(u32),
    /// Acknowledges, after this many copies got no answer.
    Misses(usize),
    SaysNothing,
}

/// A router on a loopback port; it ends when dropped.
pub struct TestRouter {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl TestRouter {
    pub async fn start(manner: Manner) -> Self {
        Self::start_at("127.0.0.1", manner).await
    }

    /// Starts at another address of this machine.
    pub async fn start_at(address: &str, manner: Manner) -> Self {
        let address: IpAddr = address.parse().unwrap();
        let socket = UdpSocket::bind((address, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let received = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let task = tokio::spawn(serve(socket, manner, received.clone()));
        Self {
            address,
            received,
            task,
        }
    }

    /// Every authentic request so far, copies included.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.received.lock().unwrap().clone()
    }

    /// The same without copies. Copies are sent until an answer arrives, so their number depends on
    /// the machine.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        let mut requests = Vec::new();
        for received in self.received() {
            if !requests.contains(&received) {
                requests.push(received);
            }
        }
        requests
    }
}

impl Drop for TestRouter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The value of an attribute in a packet.
pub fn attribute(packet: &[u8], number: u8) -> Option<Vec<u8>> {
    let mut at = 20;
    while at < packet.len() {
        let length = usize::from(packet[at + 1]);
        if packet[at] == number {
            return Some(packet[at + 2..at + length].to_vec());
        }
        at += length;
    }
    None
}

async fn serve(socket: UdpSocket, manner: Manner, received: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut buffer = [0; 4_096];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
        let request = &buffer[..length];
        if request[0] != 40 || !is_authentic(request) {
            continue;
        }
        let copies = {
            let mut received = received.lock().unwrap();
            received.push(request.to_vec());
            received.len()
        };
        let answer = match manner {
            Manner::Acknowledges => answer(request, 41, &[]),
            Manner::Misses(unheard) if copies > unheard => answer(request, 41, &[]),
            Manner::Refuses(cause) => {
                let value = cause.to_be_bytes();
                answer(request, 42, &[[101, 6].as_slice(), &value].concat())
            }
            Manner::Misses(_) | Manner::SaysNothing => continue,
        };
        socket.send_to(&answer, peer).await.unwrap();
    }
}

/// RFC 5176, section 2.3: computed like an Accounting-Request, over sixteen zeros.
fn is_authentic(request: &[u8]) -> bool {
    let mut unsigned = request.to_vec();
    unsigned[4..20].fill(0);
    digest(&unsigned) == request[4..20]
}

fn answer(request: &[u8], code: u8, attributes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + attributes.len()).unwrap().to_be_bytes();
    let mut answer = vec![code, request[1], length[0], length[1]];
    answer.extend(&request[4..20]);
    answer.extend(attributes);
    let digest = digest(&answer);
    answer[4..20].copy_from_slice(&digest);
    answer
}

fn digest(packet: &[u8]) -> [u8; 16] {
    let mut hash = Md5::new();
    hash.update(packet);
    hash.update(SECRET);
    hash.finalize().into()
}
