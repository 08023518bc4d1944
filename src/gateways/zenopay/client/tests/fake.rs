//! A ZenoPay of a few lines that speaks raw HTTP/1.1, so that its answers can be as bad as the
//! real ones.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use url::Url;

use crate::domain::people::Secret;
use crate::gateways::zenopay::client::Client;

/// Closes the connection instead of answering.
pub(super) const HANG_UP: Vec<u8> = Vec::new();

/// Gives one answer a request, then none at all. An empty answer hangs up, and so does one
/// that says `Connection: close`.
pub(super) struct FakeZenoPay {
    url: Url,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl FakeZenoPay {
    pub(super) fn answering(answers: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let fake = Self {
            url: format!("http://127.0.0.1:{port}/sandbox/").parse().unwrap(),
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let (requests, connections) = (fake.requests.clone(), fake.connections.clone());
        let mut answers = answers.into_iter().collect::<Vec<_>>().into_iter();
        thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                serve(stream.unwrap(), &requests, &mut answers);
            }
        });
        fake
    }

    pub(super) fn client(&self, create_timeout: Duration) -> Client {
        Client::new(self.url.clone(), Secret::new("the-key"), create_timeout).unwrap()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    stream: TcpStream,
    requests: &Mutex<Vec<String>>,
    answers: &mut impl Iterator<Item = Vec<u8>>,
) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        requests.lock().unwrap().push(request);
        let Some(answer) = answers.next() else {
            continue;
        };
        // A client that has read enough may be gone already.
        let _ = reader.get_mut().write_all(&answer);
        if answer.is_empty() || String::from_utf8_lossy(&answer).contains("Connection: close") {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = (head.lines())
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8(body).unwrap())
}

pub(super) fn answer(http_status: u16, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {http_status} X\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Announces more than it sends.
pub(super) fn cut_answer(http_status: u16) -> Vec<u8> {
    format!("HTTP/1.1 {http_status} X\r\nConnection: close\r\nContent-Length: 99\r\n\r\n{{")
        .into_bytes()
}
