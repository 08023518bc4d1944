//! Orders that are read together. When a server comes back, thousands of guests ask about their
//! orders in one second; a *rush* like that is a few questions, a *group* of orders each, on few
//! connections, so that the sale that comes in beside it finds one. Who comes alone is read alone
//! and at once.
//!
//! The rule that must not be broken: an order is read after it was asked for. Who waits has
//! registered before it asks, and would else miss a commit between the two.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use entities::{payments, vouchers};
use sea_orm::sea_query::IntoCondition;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::notices::is_any_of;
use super::pool::Pool;
use super::runtime::{READ_WITHIN, read_within};
use super::wedged::Wedged;
use super::{Store, StoreError, rows};
use crate::domain::ids::OrderId;
use crate::domain::payment::Payment;
use crate::supervisor::{Supervisor, Task};

/// A dead connection shows at once; what takes longer is a database that does not answer.
const STALE_WITHIN: std::time::Duration = std::time::Duration::from_millis(500);
/// Orders of one question at most. A database takes a few milliseconds for so many.
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
        self.inner.together.read(order_id).await
    }
}

impl ReadQueue {
    /// Opens it on the runtime to which the connections belong.
    pub fn open(reader: Pool, runtime: &Handle, wedged: Wedged, tasks: &Supervisor) -> Self {
        // As many ask at a time as have a connection to us, which the server limits.
        let (asks, waiting) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(waiting));
        tasks.run(runtime, Task::ReadQueue, move || {
            keep(reader.clone(), wedged.clone(), waiting.clone())
        });
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
async fn keep(reader: Pool, wedged: Wedged, waiting: Arc<Mutex<mpsc::UnboundedReceiver<Ask>>>) {
    let mut waiting = waiting.lock().await;
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
    reader: &impl ConnectionTrait,
    orders: &[OrderId],
) -> Result<HashMap<OrderId, Result<Arc<Payment>, StoreError>>, StoreError> {
    if orders.is_empty() {
        return Ok(HashMap::new());
    }
    let found = payments::Entity::find()
        .filter(is_one_of(orders, reader.get_database_backend()))
        .find_also_related(vouchers::Entity)
        .all(reader)
        .await?;
    let read = |(row, voucher): (payments::Model, Option<vouchers::Model>)| {
        let order_id = OrderId(row.order_id);
        (order_id, rows::payment(row, voucher).map(Arc::new))
    };
    Ok(found.into_iter().map(read).collect())
}

/// Whether an order is one of at least one. Written so that few texts are prepared.
fn is_one_of(orders: &[OrderId], backend: DbBackend) -> Condition {
    let column = payments::Column::OrderId;
    match (orders, backend) {
        ([alone], _) => column.eq(alone.0).into_condition(),
        (several, DbBackend::Postgres) => is_any_of(several).into_condition(),
        // A list has another text for each length, so it is as long as the next power of two.
        (several, _) => {
            let last = several.last().copied();
            let more = last.into_iter().cycle();
            let list = several.iter().copied().chain(more);
            let list = list.take(several.len().next_power_of_two());
            column.is_in(list.map(|order| order.0)).into_condition()
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{QuerySelect, QueryTrait};
    use uuid::Uuid;

    use super::super::plans::Books;
    use super::*;

    #[tokio::test]
    async fn a_group_of_any_size_is_found_by_an_index_and_without_strangers() {
        for books in Books::both().await {
            let known: Vec<Uuid> = payments::Entity::find()
                .select_only()
                .column(payments::Column::OrderId)
                .limit(GROUP as u64)
                .into_tuple()
                .all(books.db())
                .await
                .unwrap();
            let known: Vec<OrderId> = known.into_iter().map(OrderId).collect();
            let stranger = OrderId(Uuid::nil());

            for size in [0, 1, 2, 3, 5, GROUP] {
                let mut asked = known[..size].to_vec();
                asked.push(stranger);
                let found = find(books.db(), &asked).await.unwrap();

                assert_eq!(found.len(), size);
                for order in &known[..size] {
                    let read = found[order].as_ref().unwrap();
                    assert_eq!(read.order_id, *order);
                }
            }
            assert!(find(books.db(), &[]).await.unwrap().is_empty());

            let asked = payments::Entity::find()
                .filter(is_one_of(&known[..5], books.backend()))
                .build(books.backend());
            let plan = books.plan(&asked).await.to_uppercase();
            assert!(
                plan.contains("INDEX") && !plan.contains("SEQ SCAN"),
                "{plan}"
            );
        }
    }

    #[test]
    fn lists_of_many_lengths_are_few_texts() {
        let orders = [OrderId(Uuid::nil()); GROUP];
        let text = |count: usize, backend| {
            payments::Entity::find()
                .filter(is_one_of(&orders[..count], backend))
                .build(backend)
                .sql
        };

        for (backend, most) in [(DbBackend::Sqlite, 9), (DbBackend::Postgres, 2)] {
            let texts: std::collections::HashSet<String> =
                (1..=GROUP).map(|count| text(count, backend)).collect();
            assert!(texts.len() <= most, "{backend:?}: {}", texts.len());
        }
    }
}
