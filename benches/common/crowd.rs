//! Guests who wait: long polls on connections of their own, driven by one thread. Each is parked on
//! one order after the other and writes down when it was told that the order is paid.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use malipo::domain::ids::OrderId;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

use super::Outcome;
use super::client::Connection;
use super::evidence::status_read;
use super::server::{Server, TOKEN};

/// As long as the server lets a poll wait.
const WAIT_SECS: u32 = 55;
/// The version of an order that nobody has paid.
const FIRST_VERSION: i64 = 1;
const PARK_WITHIN: Duration = Duration::from_secs(60);

/// When a guest was told.
pub type Told = (OrderId, Instant);

/// Waiting guests.
pub struct Crowd {
    told: Receiver<Told>,
    enough: CancellationToken,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Crowd {
    /// Parks as many guests as there are plans. A guest waits for the orders of its plan, one after
    /// the other, and leaves after the last.
    pub fn gather(address: SocketAddr, plans: Vec<VecDeque<OrderId>>) -> Self {
        let (sender, told) = channel();
        let enough = CancellationToken::new();
        let until = enough.clone();
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let local = LocalSet::new();
            let waiting = local.run_until(wait_all(address, plans, sender));
            match runtime.block_on(until.run_until_cancelled(waiting)) {
                Some(ended) => ended,
                None => Ok(()),
            }
        });
        Self {
            told,
            enough,
            thread: Some(thread),
        }
    }

    /// Waits until the server counts so many parked polls.
    ///
    /// # Errors
    /// If that takes too long.
    pub fn until_parked(&self, server: &Server, count: usize) -> Outcome<()> {
        let began = Instant::now();
        loop {
            let parked = parked(server)?;
            if parked >= count {
                return Ok(());
            }
            if began.elapsed() > PARK_WITHIN {
                return Err(format!("{parked} of {count} polls are parked").into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until so many were told, at most for `patience`, and answers with all that were.
    pub fn told(&self, count: usize, patience: Duration) -> Vec<Told> {
        let deadline = Instant::now() + patience;
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.told.recv_timeout(left) {
                Ok(told) => all.push(told),
                Err(_) => break,
            }
        }
        all
    }

    /// Everybody goes home, and the server has seen them go.
    ///
    /// # Errors
    /// If a connection broke, or the server still counts them.
    pub fn leave(mut self, server: &Server) -> Outcome<()> {
        self.enough.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| "the crowd's thread died")??;
        }
        let began = Instant::now();
        while parked(server)? > 0 {
            if began.elapsed() > PARK_WITHIN {
                return Err("polls of closed connections stay parked".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.enough.cancel();
    }
}

/// How many polls the server has parked.
///
/// # Errors
/// If it does not tell.
pub fn parked(server: &Server) -> Outcome<usize> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let document: serde_json::Value = runtime.block_on(async {
        let mut connection = Connection::open(server.address).await?;
        let request = format!(
            "GET /api/v1/operator/actors HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
        );
        let reply = connection.exchange(request.as_bytes()).await?;
        Outcome::Ok(serde_json::from_slice(reply.body)?)
    })?;
    let waiters = document["status_actor"]["waiters"].as_u64();
    Ok(usize::try_from(
        waiters.ok_or("the server does not tell its waiters")?,
    )?)
}

async fn wait_all(
    address: SocketAddr,
    plans: Vec<VecDeque<OrderId>>,
    told: Sender<Told>,
) -> io::Result<()> {
    let told = Rc::new(told);
    let mut guests = Vec::with_capacity(plans.len());
    for plan in plans {
        // One after the other: a listener's queue is short.
        let connection = Connection::open(address).await?;
        guests.push(tokio::task::spawn_local(wait(
            connection,
            plan,
            told.clone(),
        )));
    }
    for guest in guests {
        guest.await.map_err(io::Error::other)??;
    }
    Ok(())
}

async fn wait(
    mut connection: Connection,
    plan: VecDeque<OrderId>,
    told: Rc<Sender<Told>>,
) -> io::Result<()> {
    let mut request = Vec::new();
    for order in plan {
        request.clear();
        status_read(order, Some((WAIT_SECS, FIRST_VERSION)), &mut request);
        loop {
            let reply = connection.exchange(&request).await?;
            let at = Instant::now();
            if reply.member("payment_status") == Some("COMPLETED") {
                // Nobody listens any more when the benchmark has ended.
                let _ = told.send((order, at));
                break;
            }
        }
    }
    Ok(())
}
