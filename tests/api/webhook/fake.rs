//! A ZenoPay whose order-status answers a test writes by hand and can delay. The sandbox cannot do
//! that: it answers at once, and in perfect JSON.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpResponseBuilder, HttpServer, web};
use chrono::TimeDelta;
use malipo::config::{Config, Mode};
use malipo::domain::people::Secret;
use serde_json::json;
use tokio::sync::watch;

use crate::harness::{KEY, TestApp, TestOrder, fresh_phone};

/// The fake. Clones share their state.
#[derive(Clone)]
pub struct FakeZenoPay {
    pub base: String,
    state: Arc<State>,
}

struct State {
    asked: AtomicUsize,
    pushed: AtomicUsize,
    answer: Mutex<(u16, String)>,
    /// By how much its clock is ahead.
    ahead: Mutex<TimeDelta>,
    held: watch::Sender<bool>,
    pushes_held: watch::Sender<bool>,
}

impl FakeZenoPay {
    /// Starts with unclear answers.
    pub fn start() -> Self {
        let state = Arc::new(State {
            asked: AtomicUsize::new(0),
            pushed: AtomicUsize::new(0),
            answer: Mutex::new((200, String::new())),
            ahead: Mutex::default(),
            held: watch::Sender::new(false),
            pushes_held: watch::Sender::new(false),
        });
        let shared = web::Data::from(state.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route(
                    "/api/payments/mobile_money_tanzania",
                    web::post().to(accept),
                )
                .route("/api/payments/order-status", web::get().to(order_status))
                .default_service(web::to(no_such_page))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let base = format!("http://{}", server.addrs()[0]);
        actix_web::rt::spawn(server.run());
        Self { base, state }
    }

    /// Makes the server use this fake.
    pub fn configure(&self, config: &mut Config) {
        config.zenopay.mode = Mode::Live;
        config.zenopay.base_url = self.base.parse().unwrap();
        config.zenopay.api_key = Some(Secret::new(KEY));
        // Unverified webhooks get a quarter of them.
        config.zenopay.asks_per_sec = 50;
    }

    /// Sets the answer of order-status.
    pub fn answers(&self, http_status: u16, body: impl Into<String>) {
        *self.state.answer.lock().unwrap() = (http_status, body.into());
    }

    /// Delays all answers from now on, until `false`.
    pub fn holds(&self, held: bool) {
        self.state.held.send_replace(held);
    }

    /// Delays all answers to pushes from now on, until `false`.
    pub fn holds_pushes(&self, held: bool) {
        self.state.pushes_held.send_replace(held);
    }

    /// How many pushes have arrived.
    pub fn pushed(&self) -> usize {
        self.state.pushed.load(Ordering::SeqCst)
    }

    /// Sets by how much its clock is ahead.
    pub fn is_ahead(&self, span: TimeDelta) {
        *self.state.ahead.lock().unwrap() = span;
    }

    /// How many times order-status was called.
    pub fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// Waits until order-status was called this often; fails after half a minute.
    pub async fn wait_until_asked(&self, times: usize) {
        for _ in 0..1_500 {
            if self.asked() == times {
                return;
            }
            actix_web::rt::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("asked {} times instead of {times}", self.asked());
    }
}

impl State {
    /// An answer with this clock's time.
    fn answer(&self, status: StatusCode) -> HttpResponseBuilder {
        let time = chrono::Utc::now() + *self.ahead.lock().unwrap();
        let time = time.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let mut answer = HttpResponse::build(status);
        answer.insert_header(("date", time));
        answer
    }
}

async fn no_such_page(state: web::Data<State>) -> HttpResponse {
    state.answer(StatusCode::NOT_FOUND).finish()
}

async fn accept(state: web::Data<State>) -> HttpResponse {
    state.pushed.fetch_add(1, Ordering::SeqCst);
    let mut held = state.pushes_held.subscribe();
    // The sender outlives this.
    let _ = held.wait_for(|held| !held).await;
    state
        .answer(StatusCode::OK)
        .json(json!({"status": "success", "resultcode": "000"}))
}

async fn order_status(state: web::Data<State>) -> HttpResponse {
    state.asked.fetch_add(1, Ordering::SeqCst);
    let mut held = state.held.subscribe();
    // The sender outlives this.
    let _ = held.wait_for(|held| !held).await;
    let (http_status, body) = state.answer.lock().unwrap().clone();
    (state.answer(StatusCode::from_u16(http_status).unwrap())).body(body)
}

/// Buys `daily` from a server that uses the fake, which stores no webhook URL.
pub async fn buy(app: &TestApp) -> TestOrder {
    let phone = fresh_phone();
    let answer = app
        .pay(&json!({"packageId": "daily", "phoneNumber": phone}))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    TestOrder {
        id: answer.json()["order_id"].as_str().unwrap().to_owned(),
        phone,
        webhook_url: String::new(),
    }
}

/// An order-status row with this status and this amount.
pub fn row(order: &TestOrder, word: &str, amount: i64) -> String {
    json!({
        "reference": "0936183435", "resultcode": "000", "result": "SUCCESS",
        "message": "Order fetch successful",
        "data": [{
            "order_id": order.id, "creation_date": "2025-05-19 08:40:33",
            "amount": amount.to_string(), "payment_status": word, "transid": "CEJ3I3SETSN",
            "channel": "MPESA-TZ", "reference": "0936183435", "msisdn": "255744000000",
        }],
    })
    .to_string()
}
