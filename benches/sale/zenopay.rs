//! A ZenoPay stub that accepts every push, on a thread of the benchmark. It sends no webhooks: the client
//! does that. Its order-status answers 404, as ZenoPay does for a moment after a push.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use actix_web::rt::System;
use actix_web::{App, HttpResponse, HttpServer, web};
use malipo::gateways::zenopay::client::CREATE_PATH;
use malipo::gateways::zenopay::wire::CreateRequest;
use serde_json::json;

use crate::common::Outcome;

/// A gateway that runs until the benchmark ends.
pub struct ZenoPay {
    pub url: String,
    pushes: Arc<AtomicUsize>,
}

impl ZenoPay {
    /// Starts it on a loopback port.
    ///
    /// # Errors
    /// If no port can be bound.
    pub fn start() -> Outcome<Self> {
        let pushes = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let counter = web::Data::from(pushes.clone());
        thread::spawn(|| System::new().block_on(serve(listener, counter)));
        Ok(Self { url, pushes })
    }

    /// The number of accepted pushes.
    pub fn pushes(&self) -> usize {
        self.pushes.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, pushes: web::Data<AtomicUsize>) -> io::Result<()> {
    let app = move || {
        App::new()
            .app_data(pushes.clone())
            .route(CREATE_PATH, web::post().to(accept))
    };
    let server = HttpServer::new(app).workers(1).disable_signals();
    server.listen(listener)?.run().await
}

async fn accept(push: web::Json<CreateRequest>, pushes: web::Data<AtomicUsize>) -> HttpResponse {
    pushes.fetch_add(1, Ordering::Relaxed);
    HttpResponse::Ok().json(json!({"status": "success", "order_id": push.order_id}))
}
