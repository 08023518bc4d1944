//! When each router was last heard. FreeRADIUS writes the times of its packets, at most once a minute
//! (see `deploy/freeradius/radiusd.conf`), and `Store::record_disconnect` what it said to our requests.

use std::collections::HashMap;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use sea_orm::DbBackend;

use crate::domain::access::{Origin, Router, RouterStatus};
use crate::store::Store;
use crate::store::engine::sql;
use crate::store::error::Result;

/// Records at `$2` the answer `$3` of router `$1` to a Disconnect-Request.
pub(in crate::store) const RECORD_DISCONNECT: &str = "INSERT INTO router_status (router_id, \
     disconnected_at, disconnect_result) SELECT id, $2, $3 FROM nas WHERE id = $1 \
     ON CONFLICT (router_id) DO UPDATE SET disconnected_at = excluded.disconnected_at, \
     disconnect_result = excluded.disconnect_result";

const TIMES: &str = "SELECT router_id, accepted_at, rejected_at, signed_at, unsigned_at, \
     accounted_at, disconnected_at, disconnect_result FROM router_status";

type Times = (
    i32,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

/// Open sessions by what their packets say of the router.
fn open_sessions(backend: DbBackend) -> String {
    let says = says(backend);
    format!(
        "SELECT COALESCE(packetsource, ''), COALESCE(nasidentifier, ''), {says}, COUNT(*) \
         FROM radacct WHERE acctstoptime IS NULL \
         GROUP BY COALESCE(packetsource, ''), COALESCE(nasidentifier, ''), {says}"
    )
}

/// The address that a router gives itself in a session.
pub(super) fn says(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "host(nasipaddress)",
        _ => "nasipaddress",
    }
}

impl Store {
    /// All routers with what is known of them, by their row numbers.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn router_states(&self) -> Result<Vec<(Router, RouterStatus)>> {
        let routers = self.routers().await?;
        let times: Vec<Times> = sql::tuples(&self.db(), TIMES, []).await?;
        let mut states: HashMap<i32, RouterStatus> =
            times.into_iter().map(|row| (row.0, status(row))).collect();
        let query = open_sessions(self.backend());
        let open: Vec<(String, String, String, i64)> = sql::tuples(&self.db(), &query, []).await?;
        for (source, identifier, says, count) in open {
            let origin = Origin {
                source: source.parse::<IpAddr>().ok(),
                identifier: &identifier,
                says: says.parse().ok(),
            };
            if let Some((router, _)) = Router::of_session(&routers, &origin) {
                let state = states.entry(router.id).or_default();
                state.sessions += u64::try_from(count).unwrap_or(0);
            }
        }
        let with_state = |router: Router| {
            let state = states.remove(&router.id).unwrap_or_default();
            (router, state)
        };
        Ok(routers.into_iter().map(with_state).collect())
    }
}

fn status(row: Times) -> RouterStatus {
    let (_, accepted, rejected, signed, unsigned, accounted, disconnected, result) = row;
    let at = |secs: Option<i64>| secs.and_then(|secs| DateTime::<Utc>::from_timestamp(secs, 0));
    let result = result.and_then(|word| word.parse().ok());
    RouterStatus {
        accepted_at: at(accepted),
        rejected_at: at(rejected),
        signed_at: at(signed),
        unsigned_at: at(unsigned),
        accounted_at: at(accounted),
        disconnect: at(disconnected).zip(result),
        sessions: 0,
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::Statement;

    use super::*;
    use crate::store::engine::tests::plans::FilledDatabase;

    #[tokio::test]
    async fn sessions_of_routers_are_counted_by_the_index_of_open_sessions() {
        for database in FilledDatabase::both().await {
            let text = open_sessions(database.backend());
            let query = Statement::from_string(database.backend(), text);

            let plan = database.plan(&query).await;

            let wholes = ["Seq Scan on radacct", "SCAN radacct\n"];
            let plan = format!("{plan}\n");
            assert!(wholes.iter().all(|whole| !plan.contains(whole)), "{plan}");
        }
    }
}
