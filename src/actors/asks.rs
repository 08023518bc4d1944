//! Asking ZenoPay about an order: a single flight an order, a handful in all.
//!
//! Asks come from strangers' hints, from the reconciler and from operators; whoever comes
//! while one is under way shares its answer. Never awaited inside an order's actor.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::Utc;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::runtime::Handle;
use tracing::warn;

use crate::domain::ids::OrderId;
use crate::store::{GatewayCall, Store};
use crate::zenopay::client::Client;
use crate::zenopay::wire::StatusAnswer;

/// Asks under way at most, whoever wants them.
const IN_ALL: usize = 8;

type Flight = Shared<BoxFuture<'static, Option<StatusAnswer>>>;

/// Asks ZenoPay. Clones share their flights.
#[derive(Clone)]
pub struct Asks {
    client: Client,
    store: Store,
    background: Handle,
    flights: Arc<Mutex<HashMap<OrderId, Flight>>>,
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
    pub async fn ask(&self, order_id: OrderId) -> Option<StatusAnswer> {
        self.flight(order_id)?.await
    }

    fn flight(&self, order_id: OrderId) -> Option<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&order_id) {
            return Some(flight.clone());
        }
        if flights.len() >= IN_ALL {
            return None;
        }
        let asks = self.clone();
        let task = self
            .background
            .spawn(async move { asks.call(order_id).await });
        let flight = async move { task.await.ok() }.boxed().shared();
        flights.insert(order_id, flight.clone());
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
        if let Err(error) = self.store.record_call(call).await {
            warn!(%order_id, %error, "a call to ZenoPay could not be recorded");
        }
        answer
    }
}

struct Landing {
    order_id: OrderId,
    flights: Arc<Mutex<HashMap<OrderId, Flight>>>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.order_id);
    }
}
