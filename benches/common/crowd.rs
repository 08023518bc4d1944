//! Waiting guests: long polls, each on its own connection, driven by one thread. A guest waits for one
//! order after the other and records when the response says that the order is paid.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use malipo::domain::order::OrderId;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

use super::Outcome;
use super::client::Connection;
use super::evidence::status_read;
use super::processor::Spent;
use super::server::{Server, TOKEN};

/// Maximum wait that the server allows for a poll.
const WAIT_SECS: u32 = 55;
/// The version of an unpaid order.
const FIRST_VERSION: i64 = 1;
const PARK_WITHIN: Duration = Duration::from_secs(60);
/// A server that uses less than a third of a core for this long has parked all polls.
const QUIET_FOR: Duration = Duration::from_millis(300);
const QUIET: f64 = 0.33;
/// Limit of the wait, because a slow machine is never quiet.
const QUIET_WITHIN: Duration = Duration::from_secs(5);

/// The notification of one guest: the order and the time of the response.
#[derive(Clone, Copy, Debug)]
pub struct Notified {
    pub order: OrderId,
    pub at: Instant,
    /// The same in wall-clock time, for comparison with the server's log.
    pub by_the_clock: DateTime<Utc>,
}

/// When a guest stops polling an order.
#[derive(Clone, Copy, Debug)]
pub enum Patience {
    /// When the order is paid.
    UntilPaid,
    /// After the first response, whatever its content.
    OneAnswer,
}

/// Waiting guests.
pub struct Crowd {
    notified: Receiver<Notified>,
    enough: CancellationToken,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Crowd {
    /// Starts one guest for each plan. A guest waits for the orders of its plan one after the other and
    /// disconnects after the last.
    pub fn gather(address: SocketAddr, plans: Vec<VecDeque<OrderId>>, patience: Patience) -> Self {
        let (sender, notified) = channel();
        let enough = CancellationToken::new();
        let until = enough.clone();
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let local = LocalSet::new();
            let waiting = local.run_until(wait_all(address, plans, sender, patience));
            match runtime.block_on(until.run_until_cancelled(waiting)) {
                Some(ended) => ended,
                None => Ok(()),
            }
        });
        Self {
            notified,
            enough,
            thread: Some(thread),
        }
    }

    /// Waits until the server reports `count` parked polls and is quiet. The server counts a poll before
    /// it reads the order, so the count alone is not enough.
    ///
    /// # Errors
    /// If that takes too long.
    pub fn until_parked(&self, server: &Server, count: usize) -> Outcome<()> {
        let began = Instant::now();
        loop {
            let parked = parked(server)?;
            if parked >= count {
                return until_quiet(server);
            }
            if began.elapsed() > PARK_WITHIN {
                return Err(format!("{parked} of {count} polls are parked").into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for `count` notifications, at most for `patience`, and returns those that arrived.
    pub fn notified(&self, count: usize, patience: Duration) -> Vec<Notified> {
        let deadline = Instant::now() + patience;
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.notified.recv_timeout(left) {
                Ok(notified) => all.push(notified),
                Err(_) => break,
            }
        }
        all
    }

    /// Disconnects all guests and waits until the server has no parked polls.
    ///
    /// # Errors
    /// If a connection broke, or polls stay parked.
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

fn until_quiet(server: &Server) -> Outcome<()> {
    let began = Instant::now();
    while began.elapsed() < QUIET_WITHIN {
        let before = Spent::so_far(server)?;
        std::thread::sleep(QUIET_FOR);
        let spent = Spent::so_far(server)?.server - before.server;
        if spent < QUIET * QUIET_FOR.as_secs_f64() {
            break;
        }
    }
    Ok(())
}

/// Asks the server for its number of parked polls.
///
/// # Errors
/// If the server does not report it.
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
        waiters.ok_or("the server does not report its waiters")?,
    )?)
}

async fn wait_all(
    address: SocketAddr,
    plans: Vec<VecDeque<OrderId>>,
    notified: Sender<Notified>,
    patience: Patience,
) -> io::Result<()> {
    let notified = Rc::new(notified);
    let mut guests = Vec::with_capacity(plans.len());
    for plan in plans {
        // One after the other, because a listener's backlog is short.
        let connection = Connection::open(address).await?;
        guests.push(tokio::task::spawn_local(wait(
            connection,
            plan,
            notified.clone(),
            patience,
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
    notified: Rc<Sender<Notified>>,
    patience: Patience,
) -> io::Result<()> {
    let mut request = Vec::new();
    for order in plan {
        request.clear();
        status_read(order, Some((WAIT_SECS, FIRST_VERSION)), &mut request);
        loop {
            let reply = connection.exchange(&request).await?;
            #[expect(
                clippy::disallowed_methods,
                reason = "compared with a stamp of the log"
            )]
            let (at, by_the_clock) = (Instant::now(), Utc::now());
            let is_enough = match patience {
                Patience::UntilPaid => reply.member("payment_status") == Some("COMPLETED"),
                Patience::OneAnswer => true,
            };
            if is_enough {
                // Fails when the benchmark has ended and the receiver was dropped.
                let _ = notified.send(Notified {
                    order,
                    at,
                    by_the_clock,
                });
                break;
            }
        }
    }
    Ok(())
}
