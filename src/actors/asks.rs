//! Asking ZenoPay about an order: a single flight an order, a handful in all.
//!
//! Asks come from strangers' hints, from the reconciler and from operators; whoever comes
//! while one is under way shares its answer. Never awaited inside an order's actor.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::warn;

use crate::domain::ids::OrderId;
use crate::store::{GatewayCall, Store};
use crate::zenopay::client::Client;
use crate::zenopay::wire::StatusAnswer;

/// Asks under way at most, for strangers and for ourselves each: strangers must not be able
/// to keep the reconciler from asking.
const IN_ALL: usize = 8;

/// How long an answer waits until its call is recorded.
const RECORD_WITHIN: Duration = Duration::from_millis(500);

/// On whose account ZenoPay is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A delivery without proof.
    Stranger,
    /// A proven delivery, the reconciler, an operator.
    Ourselves,
}

type Flight = Shared<BoxFuture<'static, Option<StatusAnswer>>>;
type Flights = Arc<Mutex<HashMap<OrderId, (Asker, Flight)>>>;

/// Asks ZenoPay. Clones share their flights.
#[derive(Clone)]
pub struct Asks {
    client: Client,
    store: Store,
    background: Handle,
    flights: Flights,
}

impl Asks {
    /// Asks run on `background`, so that nobody who leaves cancels one.
    pub fn new(client: Client, store: Store, background: Handle) -> Self {
        Self {
            client,
            store,
            background,
            flights: Arc::default(),
        }
    }

    /// What ZenoPay says about an order's payment. `None` when too many asks are under way,
    /// or one was lost.
    pub async fn ask(&self, order_id: OrderId, asker: Asker) -> Option<StatusAnswer> {
        self.flight(order_id, asker)?.await
    }

    fn flight(&self, order_id: OrderId, asker: Asker) -> Option<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, flight)) = flights.get(&order_id) {
            return Some(flight.clone());
        }
        if flights
            .values()
            .filter(|(other, _)| *other == asker)
            .count()
            >= IN_ALL
        {
            return None;
        }
        let asks = self.clone();
        let task = self
            .background
            .spawn(async move { asks.call(order_id).await });
        let flight = async move { task.await.ok() }.boxed().shared();
        flights.insert(order_id, (asker, flight.clone()));
        Some(flight)
    }

    async fn call(&self, order_id: OrderId) -> StatusAnswer {
        // Landed when this is dropped, by a panic too.
        let _landing = Landing {
            order_id,
            flights: self.flights.clone(),
        };
        let at = Utc::now();
        let (answer, facts) = self.client.order_status(order_id).await;
        let (word, detail) = match &answer {
            StatusAnswer::Known(report) => (report.raw_word.clone(), None),
            StatusAnswer::Unknown(why) => ("unknown".to_owned(), Some(why.to_string())),
        };
        let call = GatewayCall {
            order_id,
            kind: "order_status",
            at,
            duration: facts.duration,
            http_status: facts.http_status,
            answer: word,
            detail,
        };
        // The call stands in the books before its effect does, but a slow database must not
        // hold the answer back; the write then goes on by itself.
        match timeout(RECORD_WITHIN, self.store.record_call(call)).await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(error)) => warn!(%order_id, %error, "a call to ZenoPay could not be recorded"),
        }
        answer
    }
}

struct Landing {
    order_id: OrderId,
    flights: Flights,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.order_id);
    }
}
