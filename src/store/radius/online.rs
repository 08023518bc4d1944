//! Who is on-line: open sessions, and those that their router forgot.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{DbBackend, FromQueryResult};

use super::router_status::says;
use super::sessions::epoch;
use crate::domain::access::{Origin, Router, VoucherCode};
use crate::domain::order::OrderId;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::operators::audit_log;
use crate::store::outbox::sessions_to_end::queue_session;
use crate::store::{AuditEntry, Page, Store};

/// How long a session that its router forgot is listed.
const FORGOTTEN_WITHIN: TimeDelta = TimeDelta::days(1);

/// A session in the list.
#[derive(Clone, Debug)]
pub struct OnlineSession {
    /// Its row in `radacct`.
    pub id: i64,
    /// The order of its voucher; `None` for a printed voucher.
    pub order_id: Option<OrderId>,
    /// The row of its voucher; `None` if it is no voucher of ours.
    pub voucher_id: Option<i64>,
    /// The user name: a voucher's code.
    pub code: VoucherCode,
    /// The device, as the router spells it; may be empty.
    pub station: String,
    /// The name of its router in `nas`, or what is known of it.
    pub router: String,
    /// When it began.
    pub since: DateTime<Utc>,
    /// When its router last reported it.
    pub heard_at: DateTime<Utc>,
    /// Bytes, both ways together.
    pub octets: i64,
    /// Until the voucher ends; `None` if it is no voucher of ours.
    pub seconds_left: Option<i64>,
    /// Its router has not reported it for three intervals.
    pub is_stale: bool,
}

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    order_id: Option<OrderId>,
    voucher_id: Option<i64>,
    code: VoucherCode,
    station: Option<String>,
    source: Option<String>,
    identifier: Option<String>,
    says: String,
    since: i64,
    heard: i64,
    octets: i64,
    ends: Option<i64>,
    is_closed: bool,
}

/// Sessions below row `$2`, newest first, at most `$3`. One that fell silent since `$1` was closed by our own
/// sweep; it is left out if the voucher has a later session, if its router has ended it for us, or if the router
/// reports none (openNDS).
fn listed(backend: DbBackend) -> String {
    let ends = epoch(backend, "v.expires_at");
    let ends = match backend {
        DbBackend::Postgres => ends,
        // Times of our own tables are texts.
        _ => format!("CAST(strftime('%s', {ends}) AS integer)"),
    };
    let (since, first) = (
        epoch(backend, "a.acctstarttime"),
        epoch(backend, "MIN(f.acctstarttime)"),
    );
    let heard = epoch(backend, "COALESCE(a.acctupdatetime, a.acctstarttime)");
    let says = says(backend);
    // A router's counters may be anything: their sum must fit.
    let least = match backend {
        DbBackend::Postgres => "LEAST(CAST(COALESCE(a.acctinputoctets, 0) AS numeric)",
        _ => "MIN(COALESCE(a.acctinputoctets, 0)",
    };
    let octets =
        format!("CAST({least} + COALESCE(a.acctoutputoctets, 0), 9000000000000000000) AS bigint)");
    format!(
        "WITH online AS MATERIALIZED (\
            SELECT radacctid AS id FROM radacct WHERE acctstoptime IS NULL \
            UNION ALL SELECT s.radacctid FROM radacct s \
            WHERE s.acctterminatecause = 'Silent' AND s.acctsessionid <> '' AND s.acctstoptime >= $1 \
            AND NOT EXISTS (SELECT 1 FROM radacct n WHERE n.username = s.username \
                AND n.radacctid > s.radacctid) \
            AND NOT EXISTS (SELECT 1 FROM outbox_messages o \
                WHERE o.reference = 'disconnect-' || s.acctuniqueid AND o.state = 'sent')), \
         page AS MATERIALIZED (SELECT id FROM online WHERE id < $2 ORDER BY id DESC LIMIT $3) \
         SELECT a.radacctid AS id, p.order_id AS order_id, v.id AS voucher_id, COALESCE(a.username, '') AS code, \
         a.callingstationid AS station, a.packetsource AS source, a.nasidentifier AS identifier, \
         {says} AS says, COALESCE({since}, 0) AS since, COALESCE({heard}, 0) AS heard, \
         {octets} AS octets, \
         CASE WHEN v.validity = 'first_login' THEN CAST(v.duration_minutes AS bigint) * 60 + \
            (SELECT {first} FROM radacct f WHERE f.username = a.username) \
            ELSE {ends} END AS ends, a.acctstoptime IS NOT NULL AS is_closed \
         FROM page JOIN radacct a ON a.radacctid = page.id \
         LEFT JOIN vouchers v ON v.code = a.username \
         LEFT JOIN payments p ON p.id = COALESCE(v.payment_id, v.former_payment_id) \
         ORDER BY a.radacctid DESC"
    )
}

impl Store {
    /// A page of sessions below the row `before`, newest first.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn online(&self, before: Option<i64>, limit: u64) -> Result<Page<OnlineSession>> {
        let now = self.clock().now();
        let silent_since = now - self.silence().await?;
        let values = [
            self.session_time(now - FORGOTTEN_WITHIN),
            before.unwrap_or(i64::MAX).into(),
            i64::try_from(limit)
                .unwrap_or(i64::MAX)
                .saturating_add(1)
                .into(),
        ];
        let found: Vec<Row> = sql::rows(&self.db(), &listed(self.backend()), values).await?;
        let routers = self.routers().await?;
        let found = found.into_iter();
        let found = found.map(|row| session(row, &routers, now, silent_since));
        Ok(Page::of(found.collect(), limit, |session| session.id))
    }

    /// Queues a Disconnect-Request for a session that is on-line or forgotten. `None` if there is no such
    /// session.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn disconnect_session(&self, id: i64, mut audit: AuditEntry) -> Result<Option<()>> {
        let now = self.clock().now();
        self.transaction_if(move |txn| {
            Box::pin(async move {
                let order = "SELECT p.order_id FROM radacct a JOIN vouchers v ON v.code = a.username \
                     JOIN payments p ON p.id = COALESCE(v.payment_id, v.former_payment_id) \
                     WHERE a.radacctid = $1";
                let order_id: Option<OrderId> = sql::tuple(txn, order, [id.into()]).await?;
                if !queue_session(txn, id, order_id, now).await? {
                    return Ok(None);
                }
                audit.order_id = order_id;
                audit_log::insert(txn, &audit, now).await?;
                Ok(Some(()))
            })
        })
        .await
    }
}

fn session(
    row: Row,
    routers: &[Router],
    now: DateTime<Utc>,
    silent_since: DateTime<Utc>,
) -> OnlineSession {
    let at = |secs| DateTime::from_timestamp(secs, 0).unwrap_or_default();
    let source = row.source.as_deref().filter(|text| !text.is_empty());
    let identifier = row.identifier.unwrap_or_default();
    let origin = Origin {
        source: source.and_then(|text| text.parse::<IpAddr>().ok()),
        identifier: &identifier,
        says: row.says.parse().ok(),
    };
    let known = Router::of_session(routers, &origin);
    let router = match known {
        Some((router, _)) => router.name.clone(),
        None => source.unwrap_or(&row.says).to_owned(),
    };
    let heard_at = at(row.heard);
    OnlineSession {
        id: row.id,
        order_id: row.order_id,
        voucher_id: row.voucher_id,
        code: row.code,
        station: row.station.unwrap_or_default(),
        router,
        since: at(row.since),
        heard_at,
        octets: row.octets,
        seconds_left: row.ends.map(|ends| (ends - now.timestamp()).max(0)),
        is_stale: row.is_closed || heard_at < silent_since,
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{Statement, Value};

    use super::*;
    use crate::store::engine::tests::plans::FilledDatabase;

    #[tokio::test]
    async fn who_is_on_line_is_found_by_index_among_many_sessions() {
        for database in FilledDatabase::both().await {
            let backend = database.backend();
            let at: DateTime<Utc> = "2026-07-27T21:00:00Z".parse().unwrap();
            let at = match backend {
                DbBackend::Postgres => Value::from(at),
                _ => at.timestamp().into(),
            };
            let values = [at, i64::MAX.into(), 50_i64.into()];
            let query = Statement::from_sql_and_values(backend, listed(backend), values);

            let plan = format!("{}\n", database.plan(&query).await);

            let wholes = [
                "Seq Scan on radacct",
                "Seq Scan on vouchers",
                "Seq Scan on payments",
                "SCAN radacct\n",
                "SCAN a\n",
                "SCAN s\n",
                "SCAN n\n",
                "SCAN v\n",
                "SCAN p\n",
                "SCAN f\n",
            ];
            assert!(wholes.iter().all(|whole| !plan.contains(whole)), "{plan}");
        }
    }
}
