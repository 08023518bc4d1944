//! Telling other processes on the same PostgreSQL that an order has changed, and hearing it
//! from them. A notice that is lost costs latency, never truth.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entities::payments;
use sea_orm::sqlx::postgres::PgListener;
use sea_orm::sqlx::{self, Executor};
use sea_orm::{DbBackend, EntityTrait, QueryFilter, QuerySelect};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use uuid::Uuid;

use super::engine::reader::is_any_of;
use super::engine::sql;
use super::{Store, StoreError};
use crate::domain::order::ids::OrderId;
use crate::supervisor::Task;

/// The channel of LISTEN and NOTIFY.
const CHANNEL: &str = "malipo_orders";
/// Said again to learn whether PostgreSQL still hears us.
const LISTEN: &str = "LISTEN malipo_orders";
/// When nothing was heard for so long.
const QUIET_FOR: Duration = Duration::from_secs(10);
/// How long an answer to that may take, or a connection that listens.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// Between one connection that listens and the next.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// Orders in one NOTIFY: its payload must be shorter than 8000 bytes, an order takes 48.
const NOTIFY_BATCH: usize = 120;
/// Orders in one question.
const READ_BATCH: usize = 5_000;
/// Notices that may wait for the listener.
const BACKLOG: usize = 1_024;

/// Since when no connection that listens can be had; `None` while there is one.
#[derive(Default)]
pub(super) struct ListenerState(watch::Sender<Option<DateTime<Utc>>>);

impl ListenerState {
    /// Logged once for an outage, however long it takes.
    fn failed(&self, error: &sqlx::Error, now: DateTime<Utc>) {
        if self.0.send_if_modified(|since| {
            let is_first = since.is_none();
            since.get_or_insert(now);
            is_first
        }) {
            warn!(%error, "notices of other processes are not heard; trying again each second");
        }
    }

    fn began(&self) {
        if self.0.send_replace(None).is_some() {
            info!("notices of other processes are heard again");
        }
    }
}

/// What is heard from other processes.
#[derive(Debug)]
pub enum PeerEvent {
    /// These orders have these versions.
    Changed(Vec<(OrderId, i32)>),
    /// Notices may have been lost while reconnecting: look at everything.
    Lost,
}

impl Store {
    /// Whether other processes may share the database.
    pub fn is_shared(&self) -> bool {
        self.backend() == DbBackend::Postgres
    }

    /// Tells other processes, in batches, on a connection of its own: inside the sale's
    /// transaction it would make all commits wait for each other.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; a process that was not notified finds out within a second.
    pub async fn announce(
        &self,
        teller: Uuid,
        notices: Vec<(OrderId, i32)>,
    ) -> Result<(), StoreError> {
        let store = self.clone();
        self.run(async move {
            let Some(side) = &store.inner.side else {
                return Ok(());
            };
            for batch in notices.chunks(NOTIFY_BATCH) {
                let values = [CHANNEL.into(), payload(teller, batch).into()];
                sql::execute(side, "SELECT pg_notify($1, $2)", values).await?;
            }
            Ok(())
        })
        .await
    }

    /// Listens to what others than `teller` announce, until the server stops. Only for a
    /// database that is shared.
    pub fn listen(&self, teller: Uuid) -> mpsc::Receiver<PeerEvent> {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let (store, tasks) = (self.clone(), &self.inner.supervisor);
        tasks.run_droppable(
            self.inner.runtime.handle(),
            Task::ClusterListen,
            move || store.clone().hear_on_and_on(teller, sender.clone()),
        );
        receiver
    }

    async fn hear_on_and_on(self, teller: Uuid, sender: mpsc::Sender<PeerEvent>) {
        loop {
            if let Err(error) = self.hear(teller, &sender).await {
                self.inner.hearing.failed(&error, self.inner.clock.now());
            }
            sleep(LISTEN_AGAIN).await;
        }
    }

    /// Since when notices of other processes cannot be heard; `None` while they can. A guest
    /// then learns of what another process has sold up to a second later.
    pub fn deaf_since(&self) -> Option<DateTime<Utc>> {
        *self.inner.hearing.0.borrow()
    }

    async fn connect_listener(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect(self.inner.url.expose()).await?;
        // One that reconnects by itself may do so unseen, when it is not waited for.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }

    async fn hear(
        &self,
        teller: Uuid,
        sender: &mpsc::Sender<PeerEvent>,
    ) -> Result<(), sqlx::Error> {
        let mut listener = in_time(self.connect_listener()).await?;
        self.inner.hearing.began();
        // What was told before we listened is lost too.
        if sender.send(PeerEvent::Lost).await.is_err() {
            return Ok(());
        }
        loop {
            let notification = tokio::select! {
                notification = timeout(QUIET_FOR, listener.try_recv()) => notification,
                () = sender.closed() => return Ok(()),
            };
            let Ok(notification) = notification else {
                // Nothing was announced, or nothing reaches us any more.
                in_time(listener.execute(LISTEN)).await?;
                continue;
            };
            let heard = match notification? {
                Some(told) => match changed(told.payload(), teller) {
                    Some(notices) => PeerEvent::Changed(notices),
                    None => continue,
                },
                None => return Ok(()),
            };
            if sender.send(heard).await.is_err() {
                return Ok(());
            }
        }
    }

    /// The committed versions of these orders, in one question.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn versions(&self, orders: Vec<OrderId>) -> Result<Vec<(OrderId, i32)>, StoreError> {
        let (db, mut versions) = (self.db(), Vec::with_capacity(orders.len()));
        for batch in orders.chunks(READ_BATCH) {
            let found = payments::Entity::find()
                .select_only()
                .columns([payments::Column::OrderId, payments::Column::Version])
                .filter(is_any_of(batch))
                .into_tuple::<(OrderId, i32)>();
            versions.extend(found.all(&db).await?);
        }
        Ok(versions)
    }
}

/// `TELLER|ORDER:VERSION,ORDER:VERSION`
fn payload(teller: Uuid, notices: &[(OrderId, i32)]) -> String {
    let told: Vec<String> = notices
        .iter()
        .map(|(id, version)| format!("{id}:{version}"))
        .collect();
    format!("{}|{}", teller.simple(), told.join(","))
}

/// sqlx waits for PostgreSQL without a limit, and a listener that hears nothing never asks.
async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(ANSWERED_WITHIN, work)
        .await
        .map_err(|_| sqlx::Error::PoolTimedOut)?
}

/// What another process announces; `None` for our own notices and for what cannot be read.
fn changed(payload: &str, teller: Uuid) -> Option<Vec<(OrderId, i32)>> {
    let (from, told) = payload.split_once('|')?;
    if from == teller.simple().to_string() {
        return None;
    }
    let notices: Option<Vec<_>> = told
        .split(',')
        .map(|one| {
            let (order_id, version) = one.split_once(':')?;
            Some((order_id.parse().ok()?, version.parse().ok()?))
        })
        .collect();
    if notices.is_none() {
        warn!("another process announces what this version does not understand");
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_heard_by_others_and_not_by_the_teller() {
        let (here, there) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let notices: Vec<_> = (0..NOTIFY_BATCH as u128)
            .map(|id| (OrderId(Uuid::from_u128(id)), i32::MAX))
            .collect();

        let told = payload(here, &notices);

        assert!(told.len() < 8_000, "{}", told.len());
        assert_eq!(changed(&told, there), Some(notices));
        assert_eq!(changed(&told, here), None);
        for garbage in [
            "",
            "|",
            "x",
            "a|b",
            "a|b:c",
            "a|00000000-0000-0000-0000-000000000000:x",
        ] {
            assert_eq!(changed(garbage, here), None, "{garbage:?}");
        }
    }
}
