//! Whether all is well, from what this process counts and what only the database knows.

use actix_web::{HttpResponse, web};
use chrono::TimeDelta;

use super::desk::Words;
use super::shown;
use crate::domain::health::{Database, Readings, alerts};
use crate::http::Api;
use crate::http::operators::machinery::Machinery;
use crate::store::{DependencyHealth, Overview};
use crate::supervisor::Supervisor;

/// The words alone, for a page that is open.
pub async fn show(api: web::Data<Api>) -> HttpResponse {
    shown(&now(&api).await)
}

/// Whether all is well now.
pub async fn now(api: &Api) -> Words {
    let vitals = api.store.vitals().await.ok();
    let hold = api.store.outbox_hold().await.ok().flatten();
    let overview = Overview {
        // Not as last counted: an operator who has just decided looks whether it is done.
        outbox_hold: hold,
        ..*api.overview.borrow()
    };
    let signs = Readings {
        radius_trouble: api.metrics.radius.trouble(),
        reconciler_ran_at: api.reconciler.last_run_at(),
        failed_tasks: failed_tasks(&api.supervisor),
        deaf_since: api.store.deaf_since(),
        ..signs(&Machinery::of(api), vitals, &overview)
    };
    Words {
        is_outbox_held: hold.is_some(),
        alerts: alerts(&signs, api.store.clock().now(), &api.timezone),
    }
}

fn failed_tasks(supervisor: &Supervisor) -> Vec<(&'static str, TimeDelta)> {
    let failed = supervisor.failed().into_iter();
    let ago = |ago| TimeDelta::from_std(ago).unwrap_or(TimeDelta::MAX);
    failed
        .map(|(task, span)| (task.name(), ago(span)))
        .collect()
}

/// What this process counts, what only the database knows, and what is open as last counted.
fn signs(now: &Machinery, vitals: Option<DependencyHealth>, overview: &Overview) -> Readings {
    let span = |number: u64| i64::try_from(number).unwrap_or(i64::MAX / 2_000);
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let known = vitals.unwrap_or_default();
    let actors = &now.order_actors;
    Readings {
        database: match vitals {
            Some(_) => Database::Answers,
            None => Database::Away,
        },
        transaction_p95_ms: now.latency_ms.transaction.p95,
        gateway_silent_since: known.gateway_silent_since,
        sms_failing_since: known.sms_failing_since,
        sms_waiting_since: overview.oldest_unsent_at,
        sms_dead: now.relay.dead,
        outbox_hold: overview.outbox_hold,
        radius_trouble: None,
        vouchers_refused: count(overview.refusals.still),
        vouchers_refused_in_a_day: count(overview.refusals.in_a_day),
        held: overview.held,
        mailbox_depth_max: actors.mailbox_depth_max as u64,
        mailbox_capacity: actors.mailbox_capacity as u64,
        oldest_message: TimeDelta::milliseconds(span(actors.oldest_message_ms)),
        waiters: now.status_actor.waiters as u64,
        waiters_max: now.status_actor.waiters_max as u64,
        reconciler_ran_at: None,
        uptime: TimeDelta::seconds(span(now.uptime_secs)),
        failed_tasks: Vec::new(),
        deaf_since: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::operators::machinery::{Latencies, OrderActors, Outbox, Waiting};
    use crate::observability::metrics::Percentiles;

    #[test]
    fn each_sign_is_the_number_of_its_own_name() {
        let transaction = Percentiles {
            p95: 812.5,
            ..Percentiles::default()
        };
        let now = Machinery {
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
            ..Machinery::default()
        };
        let overview = Overview {
            held: 3,
            ..Overview::default()
        };

        let signs = signs(&now, Some(DependencyHealth::default()), &overview);

        assert_eq!(signs.database, Database::Answers);
        assert_eq!((signs.sms_dead, signs.held), (2, 3));
        assert_eq!((signs.mailbox_depth_max, signs.mailbox_capacity), (7, 64));
        assert_eq!((signs.waiters, signs.waiters_max), (40, 15_000));
        assert_eq!(signs.oldest_message, TimeDelta::milliseconds(6_500));
        assert_eq!(signs.uptime, TimeDelta::minutes(15));
        assert!((signs.transaction_p95_ms - 812.5).abs() < f64::EPSILON);
    }

    #[test]
    fn books_that_cannot_be_read_are_away() {
        let signs = signs(&Machinery::default(), None, &Overview::default());

        assert_eq!(signs.database, Database::Away);
    }
}
