//! A server with its database, open orders, and a record of the acknowledged webhooks.

use std::net::SocketAddr;
use std::thread;

use malipo::domain::order::OrderId;

use super::Outcome;
use super::arrivals::open_arrivals;
use super::client::{Answers, Until, closed_loop};
use super::crowd::{Crowd, Patience};
use super::database::{Database, Order};
use super::evidence::{Acknowledged, status_read, webhook};
use super::options::Kind;
use super::processor::Spent;
use super::server::Server;

/// Number of copies of each order's webhook in [`Shop::race`].
const COPIES: usize = 1_000;
const COMPLETED: &str = "COMPLETED";

/// A server with open orders to sell.
pub struct Shop {
    pub database: Database,
    pub server: Server,
    pub acknowledged: Acknowledged,
    orders: Vec<Order>,
    used: usize,
}

impl Shop {
    /// Starts a server on a new database.
    ///
    /// # Errors
    /// If the database or the server does not start.
    pub fn open(kind: Kind, name: &str, settings: &[(&str, &str)]) -> Outcome<Self> {
        Self::open_on(Database::create(kind, name)?, settings)
    }

    /// Starts a server on an existing database.
    ///
    /// # Errors
    /// If the server does not start.
    pub fn open_on(database: Database, settings: &[(&str, &str)]) -> Outcome<Self> {
        let server = Server::start(&database, settings)?;
        Ok(Self {
            database,
            server,
            acknowledged: Acknowledged::default(),
            orders: Vec::new(),
            used: 0,
        })
    }

    /// Makes sure that at least `count` open orders exist.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn prepare(&mut self, count: usize) -> Outcome<()> {
        let waiting = self.orders.len() - self.used;
        if waiting < count {
            self.orders.extend(self.database.place(count - waiting)?);
        }
        Ok(())
    }

    /// Takes the next open order.
    ///
    /// # Errors
    /// If none can be written.
    pub fn one_order(&mut self) -> Outcome<Order> {
        self.prepare(1)?;
        self.used += 1;
        Ok(self.orders[self.used - 1])
    }

    /// The next orders, in the sequence in which they will be sold.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn next_orders(&mut self, count: usize) -> Outcome<Vec<OrderId>> {
        self.prepare(count)?;
        let waiting = &self.orders[self.used..self.used + count];
        Ok(waiting.iter().map(|order| order.id).collect())
    }

    /// Leaves the next `count` orders unsold.
    pub fn skip(&mut self, count: usize) {
        self.used += count;
    }

    /// Parks `count` guests, each on an order of its own that stays unpaid.
    ///
    /// # Errors
    /// If the server does not park all of them.
    pub fn park(&mut self, count: usize, patience: Patience) -> Outcome<Crowd> {
        let orders = self.next_orders(count)?;
        self.skip(count);
        let plans = orders.into_iter().map(|order| [order].into()).collect();
        let crowd = Crowd::gather(self.server.address, plans, patience);
        crowd.until_parked(&self.server, count)?;
        Ok(crowd)
    }

    /// First-time webhooks in a closed loop, each for an order of its own.
    ///
    /// # Errors
    /// If a connection breaks.
    pub fn sell(&mut self, connections: usize, seconds: f64) -> Outcome<Answers> {
        let waiting = &self.orders[self.used..];
        let until = Until {
            seconds,
            turns: waiting.len(),
        };
        let first = self.acknowledged.marks(waiting.len());
        let before = Spent::so_far(&self.server)?;
        let mut answers = closed_loop(self.server.address, connections, until, &|turn, into| {
            webhook(waiting[turn as usize].id, first + turn, COMPLETED, into);
        })?;
        let spent = Spent::so_far(&self.server)?;
        answers.spent = Some(spent.micros_each(before, answers.turns.len()));
        self.acknowledged
            .take(&answers, first, |turn| waiting[turn as usize].id);
        self.used += answers.turns.len();
        Ok(answers)
    }

    /// First-time webhooks in closed loops, to several servers on the same database. Returns the total
    /// per second.
    ///
    /// # Errors
    /// If a connection breaks.
    pub fn sell_at_all(
        &mut self,
        servers: &[SocketAddr],
        connections: usize,
        seconds: f64,
    ) -> Outcome<f64> {
        let waiting = &self.orders[self.used..];
        let share = waiting.len() / servers.len();
        let until = Until {
            seconds,
            turns: share,
        };
        let first = self.acknowledged.marks(waiting.len());
        let place = |server: usize, turn: u32| server * share + turn as usize;
        let answers: Vec<Result<Answers, String>> = thread::scope(|scope| {
            let clients: Vec<_> = (0..servers.len())
                .map(|server| {
                    scope.spawn(move || {
                        closed_loop(servers[server], connections, until, &|turn, into| {
                            let at = place(server, turn);
                            webhook(waiting[at].id, first + at as u32, COMPLETED, into);
                        })
                        .map_err(|error| error.to_string())
                    })
                })
                .collect();
            let died = |_| Err("a client died".to_owned());
            clients
                .into_iter()
                .map(|client| client.join().unwrap_or_else(died))
                .collect()
        });
        let mut rate = 0.0;
        for (server, answers) in answers.into_iter().enumerate() {
            let answers = answers?;
            rate += answers.rate();
            let first_here = first + place(server, 0) as u32;
            self.acknowledged
                .take(&answers, first_here, |turn| waiting[place(server, turn)].id);
        }
        // Some orders of each share are still open, but no longer contiguous: skip them all.
        self.used = self.orders.len();
        Ok(rate)
    }

    /// First-time webhooks in an open loop, at a fixed rate.
    ///
    /// # Errors
    /// If a connection breaks.
    pub fn sell_at(&mut self, a_second: f64, turns: u32) -> Outcome<Answers> {
        self.prepare(turns as usize)?;
        let waiting = &self.orders[self.used..];
        let first = self.acknowledged.marks(turns as usize);
        let answers = open_arrivals(self.server.address, a_second, turns, &|turn, into| {
            webhook(waiting[turn as usize].id, first + turn, COMPLETED, into);
        })?;
        self.acknowledged
            .take(&answers, first, |turn| waiting[turn as usize].id);
        self.used += turns as usize;
        Ok(answers)
    }

    /// Copies of the webhook of one order that was already sold.
    ///
    /// # Errors
    /// If a connection breaks.
    pub fn repeat(&mut self, order: OrderId, connections: usize, until: Until) -> Outcome<Answers> {
        let first = self.acknowledged.marks(until.turns);
        let answers = closed_loop(self.server.address, connections, until, &|turn, into| {
            webhook(order, first + turn, COMPLETED, into);
        })?;
        self.acknowledged.take(&answers, first, |_| order);
        Ok(answers)
    }

    /// A thousand concurrent copies of each order's webhook, the first of which is its sale.
    ///
    /// # Errors
    /// If a connection breaks.
    pub fn race(&mut self, connections: usize, until: Until) -> Outcome<Answers> {
        self.prepare(until.turns.div_ceil(COPIES))?;
        let waiting = &self.orders[self.used..];
        let first = self.acknowledged.marks(until.turns);
        let of = |turn: u32| waiting[turn as usize / COPIES].id;
        let answers = closed_loop(self.server.address, connections, until, &|turn, into| {
            webhook(of(turn), first + turn, COMPLETED, into);
        })?;
        self.acknowledged.take(&answers, first, of);
        self.used += answers.turns.len().div_ceil(COPIES);
        Ok(answers)
    }

    /// The orders used so far.
    pub fn sold(&self) -> &[Order] {
        &self.orders[..self.used]
    }

    /// Reads the status of these orders in turn, repeatedly.
    ///
    /// # Errors
    /// If a connection breaks.
    pub fn look(&self, sold: &[Order], connections: usize, until: Until) -> Outcome<Answers> {
        closed_loop(self.server.address, connections, until, &|turn, into| {
            status_read(sold[turn as usize % sold.len()].id, None, into);
        })
    }

    /// Checks that every acknowledged webhook is in the database exactly once.
    ///
    /// # Errors
    /// If one is missing or doubled.
    pub fn must_balance(&self) -> Outcome<String> {
        let orders = self
            .acknowledged
            .must_be_recorded(&self.database, COMPLETED)?;
        let alerts = "SELECT count(*) FROM order_events WHERE level = 'alert'";
        let alerts = self.database.number(alerts)?;
        if alerts > 0 {
            return Err(format!("{alerts} alerts: the webhooks were not plain copies").into());
        }
        Ok(format!(
            "{}: {} acknowledged webhooks of {orders} orders looked up in the database: each is there exactly once",
            self.database.kind.name(),
            self.acknowledged.deliveries(),
        ))
    }
}
