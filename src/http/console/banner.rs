//! The status banner of every page: what is wrong with this server and its dependencies.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::TimeDelta;

use super::shown;
use crate::domain::health::{Alert, Database, FrontDoor, Readings, alerts};
use crate::http::Api;
use crate::http::operators::actors::ActorsDocument;
use crate::store::{DependencyHealth, NotWritable, Overview};

/// Alerts about this server and its dependencies, in sentences. Also served alone, so that open pages
/// can refresh it.
#[derive(Default, Template)]
#[template(path = "console/status_banner.html")]
pub struct StatusBanner {
    /// The worst first.
    pub alerts: Vec<Alert>,
    /// After a restored backup SMS and Disconnect-Requests wait for an admin's decision.
    pub is_outbox_held: bool,
}

impl StatusBanner {
    /// Reads the counters of this process and the database.
    pub async fn of(api: &Api) -> Self {
        let dependencies = api.store.dependency_health().await.ok();
        let not_selling = match dependencies {
            Some(_) => not_selling(api).await,
            None => None,
        };
        // Not from the cached overview: after a release the operator must see the change at once.
        let outbox_hold = api.store.outbox_hold().await.ok().flatten();
        let overview = api.overview.borrow().clone();
        let failed_tasks = api.supervisor.failed().into_iter().map(|(task, span)| {
            let ago = TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
            (task.name(), ago)
        });
        let readings = Readings {
            outbox_hold,
            radius_trouble: api.metrics.radius.trouble(),
            reconciler_ran_at: api.reconciler.last_run_at(),
            failed_tasks: failed_tasks.collect(),
            not_listening_since: api.store.not_listening_since(),
            front_door: api.front_door.seen(),
            not_selling,
            ..readings(&ActorsDocument::of(api), dependencies, &overview)
        };
        Self {
            is_outbox_held: outbox_hold.is_some(),
            alerts: alerts(&readings, api.store.clock().now(), &api.timezone),
        }
    }

    /// For style sheet and script: `well`, `watch` or `wrong`.
    fn tone(&self) -> String {
        let worst = self.alerts.first();
        worst.map_or("well".to_owned(), |alert| alert.gravity.to_string())
    }
}

/// Why the clock, or a database that answers, stops all sales.
async fn not_selling(api: &Api) -> Option<String> {
    let clock = api.store.clock().doubt().map(|doubt| doubt.to_string());
    let database = api.store.writable().await.err();
    let database = database.filter(|why| *why != NotWritable::Silent);
    clock.or(database.map(|why| why.to_string()))
}

/// The banner alone.
pub async fn show_banner(api: web::Data<Api>) -> HttpResponse {
    shown(&StatusBanner::of(&api).await)
}

/// The readings from the actor numbers, the database and the cached overview; the caller sets the
/// others.
fn readings(
    now: &ActorsDocument,
    dependencies: Option<DependencyHealth>,
    overview: &Overview,
) -> Readings {
    let span = |number: u64| i64::try_from(number).unwrap_or(i64::MAX / 2_000);
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let health = dependencies.unwrap_or_default();
    let actors = &now.order_actors;
    Readings {
        database: match dependencies {
            Some(_) => Database::Answers,
            None => Database::Away,
        },
        has_simulated: overview.has_simulated,
        transaction_p95_ms: now.latency_ms.transaction.p95,
        gateway_silent_since: health.gateway_silent_since,
        sms_failing_since: health.sms_failing_since,
        sms_waiting_since: overview.oldest_unsent_at,
        sms_dead: now.relay.dead,
        outbox_hold: overview.outbox_hold,
        radius_trouble: None,
        vouchers_refused: count(overview.refusals.still),
        vouchers_refused_in_an_hour: count(overview.refusals.in_an_hour()),
        vouchers_refused_in_a_day: count(overview.refusals.in_a_day()),
        last_refusal: overview
            .refusals
            .reasons
            .first()
            .map(|row| row.reason.clone()),
        unaccounted_routers: overview.unaccounted_routers.clone(),
        held: overview.held,
        mailbox_depth_max: actors.mailbox_depth_max as u64,
        mailbox_capacity: actors.mailbox_capacity as u64,
        oldest_message: TimeDelta::milliseconds(span(actors.oldest_message_ms)),
        waiters: now.status_actor.waiters as u64,
        waiters_max: now.status_actor.waiters_max as u64,
        reconciler_ran_at: None,
        uptime: TimeDelta::seconds(span(now.uptime_secs)),
        failed_tasks: Vec::new(),
        not_listening_since: None,
        front_door: FrontDoor::default(),
        not_selling: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::operators::actors::{Latencies, OrderActors, Outbox, Waiting};
    use crate::observability::metrics::Percentiles;

    #[test]
    fn each_reading_is_taken_from_its_own_number() {
        let transaction = Percentiles {
            p95: 812.5,
            ..Percentiles::default()
        };
        let now = ActorsDocument {
            uptime_secs: 900,
            order_actors: OrderActors {
                mailbox_depth_max: 7,
                mailbox_capacity: 64,
                oldest_message_ms: 6_500,
                ..OrderActors::default()
            },
            status_actor: Waiting {
                waiters: 40,
                waiters_max: 15_000,
                ..Waiting::default()
            },
            relay: Outbox {
                dead: 2,
                ..Outbox::default()
            },
            latency_ms: Latencies {
                transaction,
                ..Latencies::default()
            },
            ..ActorsDocument::default()
        };
        let overview = Overview {
            held: 3,
            ..Overview::default()
        };

        let readings = readings(&now, Some(DependencyHealth::default()), &overview);

        assert_eq!(readings.database, Database::Answers);
        assert_eq!((readings.sms_dead, readings.held), (2, 3));
        assert_eq!(
            (readings.mailbox_depth_max, readings.mailbox_capacity),
            (7, 64)
        );
        assert_eq!((readings.waiters, readings.waiters_max), (40, 15_000));
        assert_eq!(readings.oldest_message, TimeDelta::milliseconds(6_500));
        assert_eq!(readings.uptime, TimeDelta::minutes(15));
        assert!((readings.transaction_p95_ms - 812.5).abs() < f64::EPSILON);
    }

    #[test]
    fn a_database_that_cannot_be_read_is_away() {
        let readings = readings(&ActorsDocument::default(), None, &Overview::default());

        assert_eq!(readings.database, Database::Away);
    }
}
