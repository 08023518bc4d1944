//! Whether all is well, read from the document that operators see and from the books.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::answer;
use crate::domain::access::radius_health::RadiusTrouble;
use crate::domain::health::{Database, Signs, alerts};
use crate::http::Api;
use crate::http::operators::actors::glance;
use crate::store::{Overview, Vitals};
use crate::supervisor::Supervisor;
use crate::web::console::Words;

/// The words alone, for a page that is open.
pub async fn show(api: web::Data<Api>) -> HttpResponse {
    answer(StatusCode::OK, &now(&api).await)
}

/// Whether all is well now.
pub async fn now(api: &Api) -> Words {
    let vitals = api.store.vitals().await.ok();
    let hold = api.store.outbox_hold().await.ok().flatten();
    let overview = Overview {
        // Not as last counted: who has just decided looks whether it is done.
        outbox_hold: hold,
        ..*api.overview.borrow()
    };
    let radius = api.metrics.radius.trouble();
    let mut signs = signs(&glance(api), vitals, &overview, radius);
    signs.failed_tasks = failed_tasks(&api.supervisor);
    signs.deaf_since = api.store.deaf_since();
    Words {
        is_outbox_held: hold.is_some(),
        alerts: alerts(&signs, api.store.clock().now(), &api.shop.timezone),
    }
}

fn failed_tasks(supervisor: &Supervisor) -> Vec<(&'static str, TimeDelta)> {
    let failed = supervisor.failed().into_iter();
    let ago = |ago| TimeDelta::from_std(ago).unwrap_or(TimeDelta::MAX);
    failed
        .map(|(task, span)| (task.name(), ago(span)))
        .collect()
}

/// What the document says, what only the books say, and what is open as last counted.
fn signs(
    glance: &Value,
    vitals: Option<Vitals>,
    overview: &Overview,
    radius_trouble: Option<(RadiusTrouble, DateTime<Utc>)>,
) -> Signs {
    let at = |pointer: &str| glance.pointer(pointer).unwrap_or(&Value::Null);
    let number = |pointer: &str| at(pointer).as_u64().unwrap_or(0);
    let span = |number: u64| i64::try_from(number).unwrap_or(i64::MAX / 2_000);
    let moment = |pointer: &str| at(pointer).as_str()?.parse::<DateTime<Utc>>().ok();
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let known = vitals.unwrap_or_default();
    Signs {
        database: match vitals {
            Some(_) => Database::Answers,
            None => Database::Away,
        },
        transaction_p95_ms: at("/latency_ms/transaction/p95").as_f64().unwrap_or(0.0),
        gateway_silent_since: known.gateway_silent_since,
        sms_failing_since: known.sms_failing_since,
        sms_waiting_since: overview.oldest_unsent_at,
        sms_dead: number("/relay/dead"),
        outbox_hold: overview.outbox_hold,
        radius_trouble,
        vouchers_refused: count(overview.refusals.still),
        vouchers_refused_in_a_day: count(overview.refusals.in_a_day),
        held: overview.held,
        mailbox_depth_max: number("/order_actors/mailbox_depth_max"),
        mailbox_capacity: number("/order_actors/mailbox_capacity"),
        oldest_message: TimeDelta::milliseconds(span(number("/order_actors/oldest_message_ms"))),
        waiters: number("/status_actor/waiters"),
        waiters_max: number("/status_actor/waiters_max"),
        reconciler_ran_at: moment("/reconciler/last_run_at"),
        uptime: TimeDelta::seconds(span(number("/uptime_secs"))),
        failed_tasks: Vec::new(),
        deaf_since: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_document_is_read_where_it_says_so() {
        let glance = json!({
            "uptime_secs": 900,
            "order_actors": {"mailbox_depth_max": 7, "mailbox_capacity": 64, "oldest_message_ms": 6_500},
            "status_actor": {"waiters": 40, "waiters_max": 15_000},
            "relay": {"dead": 2},
            "reconciler": {"last_run_at": "2026-11-24T09:00:00.000Z"},
            "latency_ms": {"transaction": {"p95": 812.5}},
        });
        let overview = Overview {
            held: 3,
            ..Overview::default()
        };

        let signs = signs(&glance, Some(Vitals::default()), &overview, None);

        assert_eq!(signs.database, Database::Answers);
        assert_eq!((signs.sms_dead, signs.held), (2, 3));
        assert_eq!((signs.mailbox_depth_max, signs.mailbox_capacity), (7, 64));
        assert_eq!((signs.waiters, signs.waiters_max), (40, 15_000));
        assert_eq!(signs.oldest_message, TimeDelta::milliseconds(6_500));
        assert_eq!(signs.uptime, TimeDelta::minutes(15));
        assert!((signs.transaction_p95_ms - 812.5).abs() < f64::EPSILON);
        let ran_at = signs.reconciler_ran_at.map(|at| at.to_rfc3339());
        assert_eq!(ran_at.as_deref(), Some("2026-11-24T09:00:00+00:00"));
    }

    #[test]
    fn books_that_cannot_be_read_are_away() {
        let signs = signs(&json!({}), None, &Overview::default(), None);

        assert_eq!(signs.database, Database::Away);
    }
}
