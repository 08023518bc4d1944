//! Reads orders by their ids, for actors, polls and pages alike. What waits is read by one
//! statement; a single request is read at once, in a statement of its own. There is no timer.
//!
//! There are two queues over the one pool of connections that read. A *lane* reads one batch at a
//! time, and each queue has half as many lanes as the pool has connections. So thousands of guests who
//! come back together leave half of the connections to the actors. Other reads (lists,
//! reports, look-ups by another key) use the same pool and are not counted here.
//!
//! # Invariants
//! - An order is read after it was requested. A poll subscribes before it requests, and would otherwise
//!   miss a commit between the two.
//! - A damaged row fails for its own order and for no other one of the batch.

use std::collections::HashMap;
use std::sync::Arc;

use entities::{payments, vouchers};
use sea_orm::sea_query::{Expr, IntoCondition, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

use super::connect::{POSTGRES_READERS, SQLITE_READERS};
use super::pool::Pool;
use super::runtime::{DatabaseRuntime, READ_WITHIN, Stalled, retry_dead_connections};
use super::sql;
use crate::domain::order::{OrderId, Payment};
use crate::store::error::Result;
use crate::store::{StoreError, rows};
use crate::supervisor::{Supervisor, Task};

/// Orders in one statement at most. A database takes a few milliseconds for so many.
const BATCH_MAX: usize = 256;

/// An order that exists, or why its row cannot be read.
type Found = Result<Arc<Payment>>;
type Read = Result<Option<Arc<Payment>>>;

/// The two queues. Their lanes end when this is dropped.
pub(in crate::store) struct Reader {
    /// For actors and operators.
    pub actors: Queue,
    /// For guests and unverified webhooks.
    pub guests: Queue,
}

/// Has no limit of its own, because its callers are limited: a webhook has a permit
/// (`actors.in_flight_max`), and a guest has a connection to one of the web workers, which take
/// 25,600 each. A caller leaves after four seconds.
pub(in crate::store) struct Queue(mpsc::UnboundedSender<Request>);

struct Request {
    order_id: OrderId,
    reply: oneshot::Sender<Read>,
}

/// Reads one batch at a time. Cheap to clone.
#[derive(Clone)]
struct Lane {
    requests: Arc<Mutex<mpsc::UnboundedReceiver<Request>>>,
    reader: Pool,
    stalled: Stalled,
}

impl Reader {
    /// Starts the lanes on the runtime to which the connections belong.
    pub fn start(reader: &Pool, runtime: &DatabaseRuntime, tasks: &Supervisor) -> Self {
        let lanes = match reader.get_database_backend() {
            DbBackend::Postgres => POSTGRES_READERS / 2,
            _ => SQLITE_READERS / 2,
        };
        let queue = || {
            let (sender, requests) = mpsc::unbounded_channel();
            let lane = Lane {
                requests: Arc::new(Mutex::new(requests)),
                reader: reader.clone(),
                stalled: runtime.stalled.clone(),
            };
            for _ in 0..lanes {
                let lane = lane.clone();
                tasks.run(&runtime.handle, Task::Reader, move || lane.clone().run());
            }
            Queue(sender)
        };
        Self {
            actors: queue(),
            guests: queue(),
        }
    }
}

impl Queue {
    /// One order as committed after this call, or `None`.
    pub async fn read(&self, order_id: OrderId) -> Read {
        let (reply, read) = oneshot::channel();
        // Without a lane the request is dropped, and then `read` ends with an error.
        drop(self.0.send(Request { order_id, reply }));
        match timeout(READ_WITHIN, read).await {
            Ok(Ok(read)) => read,
            Ok(Err(_)) => Err(StoreError::Panicked("a read was lost".to_owned())),
            Err(_) => Err(StoreError::Unavailable("no answer in time".to_owned())),
        }
    }
}

impl Lane {
    /// Reads what waits, batch by batch, until the store is closed.
    async fn run(self) {
        let mut batch = Vec::new();
        // The lock is given back before the batch is read.
        while self.receive(&mut batch).await > 0 {
            // A caller that has left, or has waited for too long, does not make the others wait.
            batch.retain(|request| !request.reply.is_closed());
            let orders: Vec<OrderId> = batch.iter().map(|request| request.order_id).collect();
            let read = || self.stalled.read(find(&self.reader, &orders));
            let found = retry_dead_connections(read).await;
            for Request { order_id, reply } in batch.drain(..) {
                let read = match &found {
                    Ok(found) => found.get(&order_id).cloned().transpose(),
                    Err(error) => Err(error.clone()),
                };
                // The caller may have left.
                drop(reply.send(read));
            }
        }
    }

    async fn receive(&self, batch: &mut Vec<Request>) -> usize {
        self.requests.lock().await.recv_many(batch, BATCH_MAX).await
    }
}

/// These orders, as far as they exist.
async fn find(
    reader: &impl ConnectionTrait,
    orders: &[OrderId],
) -> Result<HashMap<OrderId, Found>> {
    if orders.is_empty() {
        return Ok(HashMap::new());
    }
    let found = payments::Entity::find()
        .filter(is_one_of(orders, reader.get_database_backend()))
        .find_also_related(vouchers::Entity)
        .all(reader)
        .await?;
    let order = |(row, voucher): (payments::Model, _)| {
        let order_id = OrderId(row.order_id);
        (order_id, rows::payment(row, voucher).map(Arc::new))
    };
    Ok(found.into_iter().map(order).collect())
}

/// The condition that an order is one of these (at least one), written so that there are few texts.
fn is_one_of(orders: &[OrderId], backend: DbBackend) -> Condition {
    let column = payments::Column::OrderId;
    match (orders, backend) {
        ([alone], _) => column.eq(alone.0).into_condition(),
        (several, DbBackend::Postgres) => postgres_is_one_of(several).into_condition(),
        (several, _) => {
            let ids = several.iter().map(|order| order.0).collect();
            column.is_in(sql::padded(ids)).into_condition()
        }
    }
}

/// One text and one value, however many orders: a list of values would be another statement to
/// prepare and to keep for each length. The list is a subquery; otherwise PostgreSQL would plan
/// each read anew for the number of its orders, which takes longer than the read. PostgreSQL only.
pub(in crate::store) fn postgres_is_one_of(orders: &[OrderId]) -> SimpleExpr {
    let list: Vec<String> = orders.iter().map(ToString::to_string).collect();
    Expr::cust_with_values(
        r#""payments"."order_id" = ANY(ARRAY(SELECT unnest(string_to_array($1, ',')::uuid[])))"#,
        [list.join(",")],
    )
}

#[cfg(test)]
mod tests;
