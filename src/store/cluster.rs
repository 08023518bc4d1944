//! Notices between the processes that share a PostgreSQL database: which orders have changed. If a notice
//! is lost, a guest only learns of the change later.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entities::payments;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sea_orm::sqlx::{self, Executor};
use sea_orm::{DbBackend, EntityTrait, QueryFilter, QuerySelect};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use uuid::Uuid;

use super::Store;
use super::engine::reader::postgres_is_one_of;
use super::engine::runtime::in_time;
use super::engine::sql;
use super::error::Result;
use crate::domain::order::OrderId;
use crate::supervisor::Task;

/// The channel of LISTEN and NOTIFY.
const CHANNEL: &str = "malipo_orders";
/// Repeated to test whether PostgreSQL still receives what we send.
const LISTEN: &str = "LISTEN malipo_orders";
/// Time without a notice after which the connection is tested.
const QUIET_FOR: Duration = Duration::from_secs(10);
/// How long the answer to that test may take, or a new connection. sqlx itself waits for PostgreSQL
/// without a limit.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// Between one connection that listens and the next.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// Orders in one NOTIFY: its payload must be shorter than 8000 bytes, an order takes 52.
const NOTIFY_BATCH: usize = 120;
/// Orders in one query.
const READ_BATCH: usize = 5_000;
/// Notices that may wait for the receiver.
const BACKLOG: usize = 1_024;

/// Orders, each with its committed version.
type Notices = Vec<(OrderId, i32)>;

/// What is received from other processes.
#[derive(Debug)]
pub enum PeerEvent {
    /// These orders have these versions.
    Changed(Notices),
    /// Notices may have been lost while reconnecting: read all watched orders again.
    Lost,
}

impl Store {
    /// Whether other processes may share the database.
    pub fn is_shared(&self) -> bool {
        self.backend() == DbBackend::Postgres
    }

    /// Notifies other processes, in batches, on a connection of its own: inside the sale's
    /// transaction it would make all commits wait for each other.
    ///
    /// # Errors
    /// `StoreError::Unavailable`; a process that was not notified finds out within a second.
    pub async fn announce(&self, process: Uuid, notices: Notices) -> Result<()> {
        if !self.is_shared() {
            return Ok(());
        }
        let notifier = self.inner.pools.notifier.clone();
        self.run(async move {
            for batch in notices.chunks(NOTIFY_BATCH) {
                let values = [CHANNEL.into(), payload(process, batch).into()];
                sql::execute(&notifier, "SELECT pg_notify($1, $2)", values).await?;
            }
            Ok(())
        })
        .await
    }

    /// Receives what processes other than `process` announce, until the server stops. Only for a
    /// database that is shared.
    pub fn listen(&self, process: Uuid) -> mpsc::Receiver<PeerEvent> {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let (store, tasks) = (self.clone(), &self.inner.supervisor);
        tasks.run_droppable(&self.inner.runtime.handle, Task::ClusterListen, move || {
            store.clone().keep_receiving(process, sender.clone())
        });
        receiver
    }

    async fn keep_receiving(self, process: Uuid, sender: mpsc::Sender<PeerEvent>) {
        loop {
            let received = self.receive(process, &sender).await;
            // Logged once for an outage, however long it takes.
            if let Err(error) = received
                && self.not_listening_since().is_none()
            {
                self.inner.listener.send_replace(Some(self.clock().now()));
                warn!(%error, "cannot listen for notices of other processes; trying again each second");
            }
            sleep(LISTEN_AGAIN).await;
        }
    }

    /// Since when notices of other processes are not received; `None` while they are. Meanwhile a
    /// guest learns up to a second later what another process has sold.
    pub fn not_listening_since(&self) -> Option<DateTime<Utc>> {
        *self.inner.listener.borrow()
    }

    async fn connect_listener(&self) -> Result<PgListener, sqlx::Error> {
        // PgBouncer refuses a connection that begins with this setting.
        let options = PgConnectOptions::from_str(self.inner.url.expose())?.extra_float_digits(None);
        let one = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None);
        let mut listener = PgListener::connect_with(&one.connect_with(options).await?).await?;
        // Otherwise it may reconnect, and lose notices, without an error.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }

    /// Passes notices on until the connection is lost or the receiver is dropped.
    async fn receive(
        &self,
        process: Uuid,
        sender: &mpsc::Sender<PeerEvent>,
    ) -> Result<(), sqlx::Error> {
        let mut listener = in_time(ANSWERED_WITHIN, self.connect_listener()).await?;
        if self.inner.listener.send_replace(None).is_some() {
            info!("listening for notices of other processes again");
        }
        // What was announced before is lost. A send fails only if the receiver was dropped.
        drop(sender.send(PeerEvent::Lost).await);
        loop {
            let notification = tokio::select! {
                notification = timeout(QUIET_FOR, listener.try_recv()) => notification,
                () = sender.closed() => return Ok(()),
            };
            let Ok(notification) = notification else {
                // Either nothing was announced or the connection is dead: test it.
                in_time(ANSWERED_WITHIN, listener.execute(LISTEN)).await?;
                continue;
            };
            let Some(notification) = notification? else {
                return Ok(());
            };
            if let Some(notices) = read_payload(notification.payload(), process) {
                drop(sender.send(PeerEvent::Changed(notices)).await);
            }
        }
    }

    /// The committed versions of these orders.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn versions(&self, orders: Vec<OrderId>) -> Result<Notices> {
        let (db, mut versions) = (self.db(), Vec::with_capacity(orders.len()));
        for batch in orders.chunks(READ_BATCH) {
            let found = payments::Entity::find()
                .select_only()
                .columns([payments::Column::OrderId, payments::Column::Version])
                .filter(postgres_is_one_of(batch))
                .into_tuple::<(OrderId, i32)>();
            versions.extend(found.all(&db).await?);
        }
        Ok(versions)
    }
}

fn payload(process: Uuid, notices: &[(OrderId, i32)]) -> String {
    serde_json::to_string(&(process, notices)).expect("ids and numbers are plain")
}

/// What another process announces; `None` for our own notices and for what cannot be read.
fn read_payload(payload: &str, process: Uuid) -> Option<Notices> {
    match serde_json::from_str::<(Uuid, Notices)>(payload) {
        Ok((from, notices)) => (from != process).then_some(notices),
        Err(error) => {
            warn!(%error, "this version cannot read a notice of another process");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_read_by_other_processes_and_not_by_its_own() {
        let (here, there) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let notices: Vec<_> = (0..NOTIFY_BATCH as u128)
            .map(|id| (OrderId(Uuid::from_u128(id)), i32::MAX))
            .collect();

        let announced = payload(here, &notices);

        assert!(announced.len() < 8_000, "{}", announced.len());
        assert_eq!(read_payload(&announced, there), Some(notices));
        assert_eq!(read_payload(&announced, here), None);
        for garbage in [
            "",
            "|",
            "x",
            "a|b",
            "[]",
            "[\"a\",[]]",
            "[\"00000000-0000-0000-0000-000000000000\",[[\"x\",1]]]",
        ] {
            assert_eq!(read_payload(garbage, here), None, "{garbage:?}");
        }
    }
}
