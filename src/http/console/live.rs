//! The live page: the numbers of the actors, charts of the last minutes, and the busiest orders.
//!
//! The page is rendered from the document of `GET /actors`, and its script continues with the
//! documents of `GET /events`: `data-at` is a number's place in them (RFC 6901). A test finds every
//! such pointer in the document.

use std::time::Duration;

use actix_web::HttpResponse;
use askama::Template;
use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::format::{duration, thousands};
use super::{Caller, PageContext, Section, shown};
use crate::domain::health::CheckRun;
use crate::http::Api;
use crate::http::operators::actors::ActorsDocument;

/// The time between two samples of the charts.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(3);

/// Older checks are not shown.
const CHECKS_LAST: TimeDelta = TimeDelta::minutes(15);

/// A line of a chart: its name, and comma-separated JSON pointers to the numbers to add up.
type Line = (&'static str, &'static str);

/// Charts: name, kind (`rate` of counters per second, or `value`), unit, lines.
#[rustfmt::skip] // A table is read by its columns.
const CHARTS: [(&str, &str, &str, &[Line]); 6] = [
    ("Webhooks a second", "rate", "/s", &[
        ("completed", "/webhooks/completed"),
        ("duplicate", "/webhooks/duplicate,/webhooks/stale"),
        ("not paid", "/webhooks/failed,/webhooks/cancelled,/webhooks/pending,/webhooks/unconfirmed,/webhooks/held"),
        ("refused", "/webhooks/unknown_order,/webhooks/malformed,/webhooks/unauthenticated,/webhooks/busy,/webhooks/error"),
    ]),
    ("Answer to a webhook", "value", "ms", &[("p50", "/latency_ms/webhook/p50"), ("p95", "/latency_ms/webhook/p95"), ("p99", "/latency_ms/webhook/p99")]),
    ("Transaction", "value", "ms", &[("p50", "/latency_ms/transaction/p50"), ("p95", "/latency_ms/transaction/p95"), ("p99", "/latency_ms/transaction/p99")]),
    ("Commit to notice", "value", "ms", &[("p50", "/latency_ms/notice/p50"), ("p95", "/latency_ms/notice/p95"), ("p99", "/latency_ms/notice/p99")]),
    ("Messages waiting", "value", "", &[("all", "/order_actors/mailbox_depth"), ("busy orders", "/order_actors/busy")]),
    ("Guests waiting", "value", "", &[("guests", "/status_actor/waiters")]),
];

/// The numbers, and their history.
#[derive(Template)]
#[template(path = "console/live.html")]
struct LivePage {
    context: PageContext,
    now: ActorsDocument,
    /// Milliseconds since the reconciler ran, if it has.
    ran_ms: Option<u64>,
    /// The doctor's last run, if there was one.
    checks: Option<CheckRun>,
    /// The samples, as JSON.
    history: String,
}

/// The live page.
pub async fn show(caller: Caller) -> HttpResponse {
    let now = caller.api.store.clock().now();
    let ran_at = caller.api.reconciler.last_run_at();
    let ran_ms = ran_at.map(|at| (now - at).num_milliseconds());
    let checks = caller.api.checks.last.borrow().clone();
    let checks = checks.filter(|run| now - run.at < CHECKS_LAST);
    if checks.is_none() {
        caller.api.checks.wanted.notify_one();
    }
    shown(&LivePage {
        context: PageContext::of(&caller, Section::Live).await,
        now: ActorsDocument::of(&caller.api),
        ran_ms: ran_ms.map(|ms| u64::try_from(ms).unwrap_or(0)),
        checks,
        history: caller.api.history.json(),
    })
}

/// The numbers that the charts show. No external text: the page embeds it unescaped.
fn charted(now: &ActorsDocument) -> Value {
    let actors = &now.order_actors;
    json!({
        "at": now.at,
        "webhooks": now.webhooks,
        "latency_ms": now.latency_ms,
        "order_actors": {"mailbox_depth": actors.mailbox_depth, "busy": actors.busy},
        "status_actor": {"waiters": now.status_actor.waiters},
    })
}

/// Takes a sample every few seconds, until the server stops.
pub async fn keep_history(api: Api) {
    let mut clock = interval(SAMPLE_INTERVAL);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let draining = &api.draining;
    while draining.run_until_cancelled(clock.tick()).await.is_some() {
        api.history
            .push(charted(&ActorsDocument::of(&api)).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::Outcome;
    use crate::http::api::{HISTORY_MAX, History};
    use crate::http::console::tests::context;
    use crate::http::operators::actors::{ActorRow, OrderActors};
    use crate::observability::metrics::REJECTED;

    fn page() -> LivePage {
        let words = Outcome::OF_DELIVERIES.map(Outcome::as_str);
        let order_actors = OrderActors {
            live: 12_345,
            oldest_message_ms: 12_345,
            ..OrderActors::default()
        };
        LivePage {
            context: context(),
            now: ActorsDocument {
                order_actors,
                webhooks: words
                    .into_iter()
                    .chain(REJECTED)
                    .map(|word| (word, 7))
                    .collect(),
                busiest: vec![ActorRow::default()],
                ..ActorsDocument::default()
            },
            ran_ms: None,
            checks: None,
            history: "[]".to_owned(),
        }
    }

    /// The values of this attribute on the page.
    fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
        let parts = html.split(attribute).skip(1);
        parts
            .filter_map(|part| part.strip_prefix("=\"")?.split('"').next())
            .collect()
    }

    #[test]
    fn every_number_of_the_page_is_in_the_document_that_its_script_reads() {
        let page = page();
        let html = page.render().unwrap();
        let document = serde_json::to_value(&page.now).unwrap();

        let lines = values(&html, "data-lines");
        let of_lines = lines.iter().flat_map(|lines| lines.split(';'));
        let of_lines = of_lines
            .filter_map(|line| line.split_once('='))
            .map(|(_, at)| at);
        let pointers: Vec<_> = values(&html, "data-at")
            .into_iter()
            .chain(of_lines.flat_map(|at| at.split(',')))
            .collect();
        assert!(pointers.len() > 50, "{}", pointers.len());
        for pointer in pointers {
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        let cells = values(&html, "data-of");
        assert_eq!(cells.len(), 14);
        for cell in cells {
            assert!(document["busiest"][0].get(cell).is_some(), "{cell}");
        }
    }

    #[test]
    fn a_number_is_formatted_and_a_missing_one_is_a_dash() {
        let mut page = page();
        let shown = |page: &LivePage, pointer: &str| {
            let html = page.render().unwrap();
            let at = html
                .split_once(&format!("data-at=\"{pointer}\""))
                .unwrap()
                .1;
            let text = at.split_once('>').unwrap().1.split_once('<').unwrap().0;
            text.to_owned()
        };

        assert_eq!(shown(&page, "/order_actors/live"), "12,345");
        assert_eq!(shown(&page, "/order_actors/oldest_message_ms"), "12 s");
        assert_eq!(shown(&page, "/reconciler/last_run_at"), "–");
        page.ran_ms = Some(3_000);
        assert_eq!(shown(&page, "/reconciler/last_run_at"), "3.0 s ago");
        assert!(
            page.render()
                .unwrap()
                .contains("<td data-of=\"last_outcome\">–</td>")
        );
    }

    #[test]
    fn samples_older_than_five_minutes_are_dropped() {
        let history = History::default();
        assert_eq!(history.json(), "[]");

        for n in 0..HISTORY_MAX + 20 {
            let machinery = ActorsDocument {
                at: n.to_string(),
                busiest: vec![ActorRow {
                    last_error: Some("</script>".to_owned()),
                    ..ActorRow::default()
                }],
                ..ActorsDocument::default()
            };
            history.push(charted(&machinery).to_string());
        }

        let kept: Vec<Value> = serde_json::from_str(&history.json()).unwrap();
        assert_eq!(kept.len(), HISTORY_MAX);
        assert_eq!(
            (&kept[0]["at"], &kept[HISTORY_MAX - 1]["at"]),
            (&json!("20"), &json!((HISTORY_MAX + 19).to_string()))
        );
        assert!(!history.json().contains('<'));
    }
}
