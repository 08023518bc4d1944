//! A proxy in front of the server, as careless as a test wants. It runs in a thread of its own, so that
//! it also works while a test waits for a command.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::time::timeout;

/// What the proxy does.
#[derive(Clone, Copy)]
pub struct FrontProxy {
    /// It answers 504 if the server is silent for this long.
    pub read_timeout: Duration,
    /// Whether it sets `X-Forwarded-For`.
    pub forwards: bool,
    /// It answers 403 to a path that contains this.
    pub blocks: Option<&'static str>,
    /// The address from which it connects to the server.
    pub address: Ipv4Addr,
}

impl Default for FrontProxy {
    /// As `deploy/nginx` wants it, on the server's machine.
    fn default() -> Self {
        Self {
            read_timeout: Duration::from_secs(75),
            forwards: true,
            blocks: None,
            address: Ipv4Addr::LOCALHOST,
        }
    }
}

impl FrontProxy {
    /// Starts it in front of the server at `base`; returns its own address.
    pub fn start(self, base: &str) -> String {
        let server = base.trim_start_matches("http://").parse().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((client, from)) = listener.accept().await {
                    // A client that hangs up is of no interest.
                    tokio::spawn(async move {
                        let _ = self.pass(client, from.ip(), server).await;
                    });
                }
            });
        });
        url
    }

    /// Passes one request on, and its answer back.
    async fn pass(self, mut client: TcpStream, from: IpAddr, server: SocketAddr) -> io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.address, 0).into())?;
        let mut server = socket.connect(server).await?;
        let mut head = vec![0; 64 * 1024];
        let read = client.read(&mut head).await?;
        let head = String::from_utf8_lossy(&head[..read]).into_owned();
        let (first, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
        if self.blocks.is_some_and(|part| first.contains(part)) {
            let refused =
                b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            return client.write_all(refused).await;
        }
        // After the header of a proxy before this one.
        let (headers, body) = rest.split_once("\r\n\r\n").unwrap_or((rest, ""));
        let forwarded = match self.forwards {
            true => format!("\r\nx-forwarded-for: {from}"),
            false => String::new(),
        };
        let head = format!("{first}\r\n{headers}{forwarded}\r\n\r\n{body}");
        server.write_all(head.as_bytes()).await?;
        let mut answer = vec![0; 64 * 1024];
        let Ok(read) = timeout(self.read_timeout, server.read(&mut answer)).await else {
            let cut = b"HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n";
            return client.write_all(cut).await;
        };
        client.write_all(&answer[..read?]).await?;
        copy_bidirectional(&mut client, &mut server).await.map(drop)
    }
}

/// A server that answers every request with this status; returns its address.
pub fn answering(status: u16) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            // A client that hangs up is of no interest.
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    url
}
