//! What the doctor reads and writes: its calls to the running server, the state of the database, and
//! what routers and backups have left behind.
//!
//! A call has a random name (a nonce) whose SHA-256 lies in `doctor_calls` for a minute. A server that
//! has the same database recognises the call and writes into the row how it arrived. So the doctor
//! learns whether it has reached this very server, no secret travels, and a stranger's nonce has no
//! effect.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{DbBackend, FromQueryResult};

use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::{Fingerprint, Store};

/// A call is recognised for this long.
const CALL_LASTS: TimeDelta = TimeDelta::seconds(60);
/// Rows that are read to find the newest time.
const NEWEST: u64 = 1_000;

/// How the doctor's call arrived at the server.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct SeenCall {
    /// The address that connected.
    pub peer: String,
    /// The address that counts as the client's.
    pub client: String,
    /// Whether the call had an `X-Forwarded-For`.
    pub is_forwarded: bool,
    /// Whether all proxies that the call has passed are trusted; otherwise `client` is the one that is
    /// not.
    pub is_trusted: bool,
}

impl Store {
    /// Announces a call of the doctor, and deletes those that are over.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn announce_call(&self, nonce: &str) -> Result<()> {
        let now = self.now().await?;
        // Those too late in the future were written by a clock that was ahead.
        let prune = "DELETE FROM doctor_calls WHERE expires_at <= $1 OR expires_at > $2";
        self.execute(prune, [now.into(), (now + CALL_LASTS).into()])
            .await?;
        let hash = Fingerprint::of(nonce);
        let insert = "INSERT INTO doctor_calls (hash, expires_at) VALUES ($1, $2)";
        self.execute(insert, [hash.as_str().into(), (now + CALL_LASTS).into()])
            .await
            .map(drop)
    }

    /// Whether the doctor has announced a call with this nonce within the last minute.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn is_doctors_call(&self, nonce: &str) -> Result<bool> {
        let hash = Fingerprint::of(nonce);
        let find = "SELECT 1 FROM doctor_calls WHERE hash = $1 AND expires_at > $2";
        let values = [hash.as_str().into(), self.clock().now().into()];
        let found: Option<i32> = sql::tuple(&self.db(), find, values).await?;
        Ok(found.is_some())
    }

    /// Records how an announced call has arrived.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn call_arrived(&self, nonce: &str, seen: SeenCall) -> Result<()> {
        let hash = Fingerprint::of(nonce);
        let update = "UPDATE doctor_calls SET peer = $1, client = $2, is_forwarded = $3, \
             is_trusted = $4 WHERE hash = $5";
        let values = [
            seen.peer.into(),
            seen.client.into(),
            seen.is_forwarded.into(),
            seen.is_trusted.into(),
            hash.as_str().into(),
        ];
        self.execute(update, values).await.map(drop)
    }

    /// How a call has arrived at a server with this database, if it has; then forgets the call.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn end_call(&self, nonce: &str) -> Result<Option<SeenCall>> {
        let hash = Fingerprint::of(nonce);
        let find = "SELECT peer, client, is_forwarded, is_trusted FROM doctor_calls \
             WHERE hash = $1 AND peer IS NOT NULL";
        let mut found = sql::rows(&self.db(), find, [hash.as_str().into()]).await?;
        let delete = "DELETE FROM doctor_calls WHERE hash = $1";
        self.execute(delete, [hash.as_str().into()]).await?;
        Ok(found.pop())
    }

    /// The database's encoding of texts, as in `UTF8`.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn encoding(&self) -> Result<String> {
        let query = match self.is_server() {
            true => "SELECT current_setting('server_encoding')",
            false => "SELECT encoding FROM pragma_encoding",
        };
        let found: Option<String> = sql::tuple(&self.db(), query, []).await?;
        Ok(found.unwrap_or_default())
    }

    /// Whether the database is a server with a clock of its own; SQLite is not.
    pub fn is_server(&self) -> bool {
        self.backend() == DbBackend::Postgres
    }

    /// The newest time among the last orders and webhooks.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn newest_row(&self) -> Result<Option<DateTime<Utc>>> {
        let mut newest = None;
        for query in [
            "SELECT MAX(at) FROM (SELECT created_at AS at FROM payments ORDER BY id DESC LIMIT $1) AS last",
            "SELECT MAX(at) FROM (SELECT received_at AS at FROM webhook_deliveries ORDER BY id DESC LIMIT $1) AS last",
        ] {
            let at: Option<Option<DateTime<Utc>>> =
                sql::tuple(&self.db(), query, [NEWEST.into()]).await?;
            newest = newest.max(at.flatten());
        }
        Ok(newest)
    }

    /// When `deploy/backup` last made a backup, if it has.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn newest_backup(&self) -> Result<Option<DateTime<Utc>>> {
        sql::tuple(&self.db(), "SELECT made_at FROM backups WHERE id = 1", []).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::tests::migrated;

    fn seen() -> SeenCall {
        SeenCall {
            peer: "10.0.0.1".to_owned(),
            client: "192.0.2.7".to_owned(),
            is_forwarded: true,
            is_trusted: true,
        }
    }

    #[tokio::test]
    async fn an_announced_call_is_known_until_it_ends_and_a_strangers_never_is() {
        let (sqlite, _folder) = migrated::sqlite().await;
        let postgres = migrated::open(migrated::on_postgres().await).await;
        for store in [sqlite, postgres] {
            store.announce_call("announced").await.unwrap();

            assert!(store.is_doctors_call("announced").await.unwrap());
            assert!(!store.is_doctors_call("a stranger's").await.unwrap());
            store.call_arrived("a stranger's", seen()).await.unwrap();
            assert_eq!(store.end_call("a stranger's").await.unwrap(), None);
            store.call_arrived("announced", seen()).await.unwrap();
            assert_eq!(store.end_call("announced").await.unwrap(), Some(seen()));
            assert!(!store.is_doctors_call("announced").await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_call_is_known_for_a_minute_and_then_deleted() {
        let (sqlite, _folder) = migrated::sqlite().await;
        let postgres = migrated::open(migrated::on_postgres().await).await;
        for store in [sqlite, postgres] {
            store.announce_call("early").await.unwrap();
            store.announce_call("late").await.unwrap();
            let age = "UPDATE doctor_calls SET expires_at = $1 WHERE hash = $2";
            for (nonce, by) in [("early", -1), ("late", 61)] {
                let at = store.clock().now() + TimeDelta::seconds(by);
                let hash = Fingerprint::of(nonce);
                let values = [at.into(), hash.as_str().into()];
                store.execute(age, values).await.unwrap();
            }

            assert!(!store.is_doctors_call("early").await.unwrap());
            store.announce_call("next").await.unwrap();
            let left = "SELECT COUNT(*) FROM doctor_calls";
            let left: Option<i64> = sql::tuple(&store.db(), left, []).await.unwrap();
            assert_eq!(left, Some(1));
        }
    }
}
