//! The simulated ZenoPay's books: its payments, its outgoing webhooks, its switches.
//!
//! They share the database with the shop and nothing else. The rule that must not be broken:
//! a decision and the webhooks that tell it are written together, and only by whoever still
//! finds the payment as it was when the decision was made.

use chrono::{DateTime, SubsecRound, Utc};
use entities::sandbox_switches;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, Statement};

use super::{Store, StoreError};

mod payments;
mod webhooks;

pub use payments::SandboxPayment;
pub use webhooks::SandboxWebhook;

/// The switches are one row.
const SWITCHES: i32 = 1;

/// The next due time of all, in one round trip.
const NEXT_DUE: &str = "SELECT (SELECT min(decide_at) FROM sandbox_payments) AS decide_at, \
     (SELECT min(due_at) FROM sandbox_webhooks WHERE delivered_at IS NULL) AS due_at";

impl Store {
    /// The store's clock, and when something is due next; `None` when nothing is open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn sandbox_clock(
        &self,
    ) -> Result<(DateTime<Utc>, Option<DateTime<Utc>>), StoreError> {
        let store = self.clone();
        self.run(async move {
            let backend = store.backend();
            let sql = match backend {
                DbBackend::Postgres => format!("{NEXT_DUE}, clock_timestamp() AS now"),
                _ => NEXT_DUE.to_owned(),
            };
            let ask = Statement::from_string(backend, sql);
            let Some(row) = store.inner.reader.query_one_raw(ask).await? else {
                return Err(StoreError::Corrupt(
                    "no row where there is always one".to_owned(),
                ));
            };
            let now = match backend {
                DbBackend::Postgres => row.try_get("", "now")?,
                _ => store.clock().now(),
            };
            let due: [Option<DateTime<Utc>>; 2] =
                [row.try_get("", "decide_at")?, row.try_get("", "due_at")?];
            let open = due
                .into_iter()
                .flatten()
                .filter(|at| *at < SandboxWebhook::NEVER);
            Ok((now.trunc_subsecs(3), open.min()))
        })
        .await
    }

    /// How payments from now on are to behave, as JSON; `None` if nobody has said.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn sandbox_switches(&self) -> Result<Option<String>, StoreError> {
        let store = self.clone();
        self.run(async move {
            let row = sandbox_switches::Entity::find_by_id(SWITCHES)
                .one(&store.inner.reader)
                .await?;
            Ok(row.map(|row| row.behaviour))
        })
        .await
    }

    /// Says how payments from now on are to behave.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn sandbox_set_switches(
        &self,
        behaviour: String,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let row = sandbox_switches::ActiveModel {
            id: Set(SWITCHES),
            behaviour: Set(behaviour),
            updated_at: Set(now),
        };
        let store = self.clone();
        self.run(async move {
            let known = OnConflict::column(sandbox_switches::Column::Id)
                .update_columns([
                    sandbox_switches::Column::Behaviour,
                    sandbox_switches::Column::UpdatedAt,
                ])
                .to_owned();
            sandbox_switches::Entity::insert(row)
                .on_conflict(known)
                .exec_without_returning(&store.inner.writer)
                .await?;
            Ok(())
        })
        .await
    }
}
