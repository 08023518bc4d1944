//! A fake NextSMS that answers as a test wants.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use url::Url;

/// The answer from now on.
#[derive(Clone)]
pub enum Does {
    /// Accepts every message.
    Take,
    /// Refuses every message with this name.
    Reject(&'static str),
    /// This status and body.
    Answer(u16, &'static str),
    /// Accepts the message and never answers.
    Hang,
}

#[derive(Clone)]
pub struct FakeGateway {
    url: Url,
    state: Arc<Mutex<State>>,
}

struct State {
    does: Does,
    /// The messages sent, in sequence.
    sent: Vec<Value>,
    /// The group in every report.
    report: &'static str,
    reports_asked: usize,
}

impl FakeGateway {
    pub fn that(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            does,
            sent: Vec::new(),
            report: "PENDING",
            reports_asked: 0,
        };
        let fake = Self {
            url: url.parse().unwrap(),
            state: Arc::new(Mutex::new(state)),
        };
        // One thread for each connection, so that a hanging one delays no other. They end with the
        // test's process.
        let server = fake.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (server, stream) = (server.clone(), stream.unwrap());
                thread::spawn(move || server.serve(stream));
            }
        });
        fake
    }

    pub fn url(&self) -> Url {
        self.url.clone()
    }

    pub fn now_does(&self, does: Does) {
        self.state.lock().unwrap().does = does;
    }

    pub fn now_reports(&self, group: &'static str) {
        self.state.lock().unwrap().report = group;
    }

    pub fn sent(&self) -> Vec<Value> {
        self.state.lock().unwrap().sent.clone()
    }

    pub fn reports_asked(&self) -> usize {
        self.state.lock().unwrap().reports_asked
    }

    fn serve(&self, stream: TcpStream) {
        let mut connection = BufReader::new(stream);
        while let Some((target, body)) = read_request(&mut connection) {
            let Some((status, body)) = self.answer(&target, &body) else {
                loop {
                    thread::park();
                }
            };
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = connection.get_mut().write_all((head + &body).as_bytes());
        }
    }

    fn answer(&self, target: &str, body: &str) -> Option<(u16, String)> {
        let mut state = self.state.lock().unwrap();
        if let Some((_, id)) = target.split_once("reports?messageId=") {
            state.reports_asked += 1;
            let status = json!({"groupName": state.report, "name": "AS_REPORTED"});
            let results = json!({"results": [{"messageId": id, "status": status}]});
            return Some((200, results.to_string()));
        }
        if target.ends_with("/balance") {
            return match state.does {
                Does::Answer(status, body) => Some((status, body.to_owned())),
                _ => Some((200, json!({"sms_balance": 4_200}).to_string())),
            };
        }
        let payload: Value = serde_json::from_str(body).unwrap();
        let to = payload["to"].clone();
        state.sent.push(payload);
        let (group, name) = match state.does {
            Does::Take => ("PENDING", "PENDING_ENROUTE"),
            Does::Reject(name) => ("REJECTED", name),
            Does::Answer(status, body) => return Some((status, body.to_owned())),
            Does::Hang => return None,
        };
        let status = json!({"groupId": 1, "groupName": group, "name": name});
        let id = state.sent.len();
        let line = json!({"to": to, "status": status, "messageId": id, "smsCount": 1});
        Some((200, json!({"messages": [line]}).to_string()))
    }
}

/// The target of the next request and its body; `None` when the client has left.
fn read_request(connection: &mut impl BufRead) -> Option<(String, String)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if connection.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = (head.lines())
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    connection.read_exact(&mut body).ok()?;
    let target = head.split(' ').nth(1)?.to_owned();
    Some((target, String::from_utf8(body).unwrap()))
}
