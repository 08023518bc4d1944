//! Orders that are read together. When a server comes back, thousands of guests ask about their
//! orders in one second; a *rush* like that is a few questions to PostgreSQL, a *group* of orders
//! each, on few connections, so that the sale that comes in beside it finds one. Who comes alone
//! is read alone and at once.
//!
//! The rule that must not be broken: an order is read after it was asked for. Who waits has
//! registered before it asks, and would else miss a commit between the two.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use entities::{payments, vouchers};
use sea_orm::sea_query::IntoCondition;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::journalling::STALE_WITHIN;
use super::notices::is_any_of;
use super::pool::Pool;
use super::runtime::{READ_WITHIN, read_within};
use super::wedged::Wedged;
use super::{Store, StoreError, rows};
use crate::domain::ids::OrderId;
use crate::domain::payment::Payment;

/// Orders of one question at most. PostgreSQL takes a few milliseconds for so many.
const GROUP: usize = 256;
/// Questions under way at a time: while one is answered, the next group gathers.
const AT_ONCE: usize = 2;
/// After a restart of PostgreSQL every old connection fails once.
const TRIES: u32 = 9;

type Read = Result<Option<Arc<Payment>>, StoreError>;

/// Where orders wait for the next question. Its keeper ends with it.
pub(super) struct ReadQueue {
    asks: mpsc::UnboundedSender<Ask>,
}

struct Ask {
    order_id: OrderId,
    told: oneshot::Sender<Read>,
}

impl Store {
    /// One order as committed, read with those that others ask for at the same moment. For those
    /// who may come in thousands. `None` if there is none of that name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn load_together(&self, order_id: OrderId) -> Read {
        match &self.inner.together {
            Some(queue) => queue.read(order_id).await,
            // What SQLite reads is in this process, and has a core and connections of its own.
            None => Ok(self.load(order_id).await?.map(Arc::new)),
        }
    }
}

impl ReadQueue {
    /// Opens it on the runtime to which the connections belong.
    pub fn open(reader: Pool, runtime: &Handle, wedged: Wedged) -> Self {
        // As many ask at a time as have a seat.
        let (asks, waiting) = mpsc::unbounded_channel();
        runtime.spawn(keep(reader, wedged, waiting));
        Self { asks }
    }

    async fn read(&self, order_id: OrderId) -> Read {
        let (told, read) = oneshot::channel();
        // If nobody keeps the queue any more, it is dropped, and so the answer is an error.
        drop(self.asks.send(Ask { order_id, told }));
        match timeout(READ_WITHIN, read).await {
            Ok(Ok(read)) => read,
            Ok(Err(_)) => Err(StoreError::Panicked("a question was lost".to_owned())),
            Err(_) => Err(StoreError::Unavailable("no answer in time".to_owned())),
        }
    }
}

/// Reads what waits, group by group, as long as somebody can ask.
async fn keep(reader: Pool, wedged: Wedged, mut waiting: mpsc::UnboundedReceiver<Ask>) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut asks = Vec::new();
    while waiting.recv_many(&mut asks, GROUP).await > 0 {
        let Ok(turn) = turns.clone().acquire_owned().await else {
            return;
        };
        while asks.len() < GROUP
            && let Ok(ask) = waiting.try_recv()
        {
            asks.push(ask);
        }
        let mut group = std::mem::take(&mut asks);
        // Who has gone, or has waited for too long, does not make the others wait.
        group.retain(|ask| !ask.told.is_closed());
        let (reader, wedged) = (reader.clone(), wedged.clone());
        tokio::spawn(async move {
            answer(&reader, &wedged, group).await;
            drop(turn);
        });
    }
}

/// Reads a group and tells each who asked.
async fn answer(reader: &Pool, wedged: &Wedged, group: Vec<Ask>) {
    let orders: Vec<OrderId> = group.iter().map(|ask| ask.order_id).collect();
    let began = Instant::now();
    let mut found = read_within(wedged, find(reader, &orders)).await;
    for _ in 1..TRIES {
        match &found {
            Err(StoreError::Unavailable(_)) if began.elapsed() < STALE_WITHIN => {
                found = read_within(wedged, find(reader, &orders)).await;
            }
            Ok(_) | Err(_) => break,
        }
    }
    for Ask { order_id, told } in group {
        let read = match &found {
            Ok(found) => found.get(&order_id).cloned().transpose(),
            Err(error) => Err(error.clone()),
        };
        // Whoever has gone does not wait for it any more.
        drop(told.send(read));
    }
}

/// These orders, as far as they exist. A row that is damaged fails for itself.
async fn find(
    reader: &Pool,
    orders: &[OrderId],
) -> Result<HashMap<OrderId, Result<Arc<Payment>, StoreError>>, StoreError> {
    let which = match orders {
        [] => return Ok(HashMap::new()),
        [alone] => payments::Column::OrderId.eq(alone.0).into_condition(),
        several => is_any_of(several).into_condition(),
    };
    let found = payments::Entity::find()
        .filter(which)
        .find_also_related(vouchers::Entity)
        .all(reader)
        .await?;
    let read = |(row, voucher): (payments::Model, Option<vouchers::Model>)| {
        let order_id = OrderId(row.order_id);
        (order_id, rows::payment(row, voucher).map(Arc::new))
    };
    Ok(found.into_iter().map(read).collect())
}
