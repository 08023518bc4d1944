//! A fake ZenoPay that answers order-status as a test wants, and a shop that calls it as the real
//! one.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use malipo::config::{Config, Mode};
use malipo::domain::people::Secret;
use serde_json::{Value, json};
use url::Url;

use crate::harness::{DAILY_PRICE, KEY, Kind, TestApp, TestDatabase, TestOrder, fresh_phone};

/// The order-status answer about an order.
#[derive(Clone, Debug)]
pub enum Says {
    /// A row with this status and the price of `daily`.
    Status(&'static str),
    /// The same, after this delay.
    StatusAfter(Duration, &'static str),
    /// This status and body; `ORDER` stands for the order's id.
    Raw(u16, &'static str),
    /// Closes the connection instead of answering.
    HangsUp,
    /// Never answers.
    Nothing,
}

/// Accepts every push. It knows no order until a test sets an answer.
#[derive(Clone)]
pub struct FakeZenoPay {
    url: Url,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    says: HashMap<String, Says>,
    /// The answer about all other orders.
    says_of_others: Option<Says>,
    /// Ids of the checked orders, in sequence.
    asked: Vec<String>,
    /// By order id.
    webhook_urls: HashMap<String, String>,
    pushes: usize,
    /// The delay before a push is answered.
    push_takes: Duration,
}

impl FakeZenoPay {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self {
            url: url.parse().unwrap(),
            state: Arc::default(),
        };
        // One thread for each connection, so that a slow answer delays no other. They end with the
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

    /// Sets the answer about this order.
    pub fn says(&self, order: &TestOrder, says: Says) {
        let mut state = self.state.lock().unwrap();
        state.says.insert(order.id.clone(), says);
    }

    /// Sets the answer about every order, including those with an answer of their own.
    pub fn says_of_all(&self, says: Says) {
        let mut state = self.state.lock().unwrap();
        state.says.clear();
        state.says_of_others = Some(says);
    }

    /// Sets how long a push takes.
    pub fn push_takes(&self, time: Duration) {
        self.state.lock().unwrap().push_takes = time;
    }

    /// How many pushes were made.
    pub fn pushes(&self) -> usize {
        self.state.lock().unwrap().pushes
    }

    /// Ids of the checked orders, in sequence.
    pub fn asked_ids(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// How many times this order was checked.
    pub fn asked(&self, order: &TestOrder) -> usize {
        let state = self.state.lock().unwrap();
        state.asked.iter().filter(|id| **id == order.id).count()
    }

    /// How many checks were made.
    pub fn asked_in_all(&self) -> usize {
        self.state.lock().unwrap().asked.len()
    }

    /// A shop in live mode that uses this as the real ZenoPay.
    pub async fn shop(&self, kind: Kind, change: impl FnOnce(&mut Config)) -> TestApp {
        self.shop_on(TestDatabase::create(kind).await, change).await
    }

    /// The same on a database that may have been used before.
    pub async fn shop_on(
        &self,
        database: TestDatabase,
        change: impl FnOnce(&mut Config),
    ) -> TestApp {
        TestApp::start_on(database, |config| {
            self.configure(config);
            change(config);
        })
        .await
    }

    /// Configures live mode with this ZenoPay.
    pub fn configure(&self, config: &mut Config) {
        config.zenopay.mode = Mode::Live;
        config.zenopay.base_url = self.url.clone();
        config.zenopay.api_key = Some(Secret::new(KEY));
        config.zenopay.asks_per_sec = 50;
    }

    /// Buys `daily` in that shop.
    pub async fn buy(&self, app: &TestApp) -> TestOrder {
        let phone = fresh_phone();
        let payload = json!({"packageId": "daily", "phoneNumber": phone});
        let answer = app.pay(&payload).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let id = answer.json()["order_id"].as_str().unwrap().to_owned();
        let webhook_url = self.state.lock().unwrap().webhook_urls[&id].clone();
        TestOrder {
            id,
            phone,
            webhook_url,
        }
    }

    fn serve(&self, stream: TcpStream) {
        let mut connection = BufReader::new(stream);
        while let Some((target, body)) = read_request(&mut connection) {
            let answer = match target.split_once("order_id=") {
                Some((_, id)) => self.answer_status_check(id),
                // Only ZenoPay's time is asked for, which this one does not tell.
                None if body.is_empty() => Some((200, String::new())),
                None => Some(self.answer_push(&body)),
            };
            let Some((status, body)) = answer else { return };
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            // A client that has waited long enough may be gone already.
            let _ = connection.get_mut().write_all((head + &body).as_bytes());
        }
    }

    fn answer_push(&self, body: &str) -> (u16, String) {
        let push: Value = serde_json::from_str(body).unwrap();
        let text = |name: &str| push[name].as_str().unwrap().to_owned();
        let takes = {
            let mut state = self.state.lock().unwrap();
            state.pushes += 1;
            state
                .webhook_urls
                .insert(text("order_id"), text("webhook_url"));
            state.push_takes
        };
        thread::sleep(takes);
        (
            200,
            json!({"status": "success", "resultcode": "000"}).to_string(),
        )
    }

    fn answer_status_check(&self, id: &str) -> Option<(u16, String)> {
        let says = {
            let mut state = self.state.lock().unwrap();
            state.asked.push(id.to_owned());
            let says = state.says.get(id).or(state.says_of_others.as_ref());
            says.cloned()
        };
        match says.unwrap_or(Says::Raw(404, "")) {
            Says::Status(word) => Some((200, row(id, word))),
            Says::StatusAfter(pause, word) => {
                thread::sleep(pause);
                Some((200, row(id, word)))
            }
            Says::Raw(status, body) => Some((status, body.replace("ORDER", id))),
            Says::HangsUp => None,
            Says::Nothing => loop {
                thread::park();
            },
        }
    }
}

/// As documented by ZenoPay.
fn row(id: &str, word: &str) -> String {
    let row = json!({
        "order_id": id, "creation_date": "2026-11-23 08:40:33", "amount": DAILY_PRICE.to_string(),
        "payment_status": word, "transid": "ABC123", "channel": "MPESA-TZ",
        "reference": "0936000000", "msisdn": "255744000000",
    });
    json!({
        "reference": "0936000000", "resultcode": "000", "result": "SUCCESS",
        "message": "Order fetch successful", "data": [row],
    })
    .to_string()
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
