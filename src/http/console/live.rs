//! The machinery as it runs.
//!
//! The page is drawn from the document of `GET /actors`, and its script goes on with the documents
//! of `GET /events`: `data-at` says where in them a number stands (RFC 6901). A test finds every
//! such pointer of the page in the document.

use actix_web::HttpResponse;
use askama::Template;

use super::{HOME, PageContext, Section, filters, see, shown};
use crate::http::auth::Caller;
use crate::http::operators::machinery::Machinery;

/// A line of a chart: its name, and where its numbers stand, which are added.
type Line = (&'static str, &'static str);

/// Charts of the last minutes: a name, `rate` of counters or the `value` itself, a unit, and lines.
#[rustfmt::skip] // A table is read by its columns.
const CHARTS: [(&str, &str, &str, &[Line]); 6] = [
    ("Webhooks a second", "rate", "/s", &[
        ("sold", "/webhooks/completed"),
        ("again", "/webhooks/duplicate,/webhooks/stale"),
        ("not paid", "/webhooks/failed,/webhooks/cancelled,/webhooks/pending,/webhooks/unconfirmed,/webhooks/held"),
        ("refused", "/webhooks/unknown_order,/webhooks/malformed,/webhooks/unauthenticated,/webhooks/busy,/webhooks/error"),
    ]),
    ("Answer to a webhook", "value", "ms", &[("p50", "/latency_ms/webhook/p50"), ("p95", "/latency_ms/webhook/p95"), ("p99", "/latency_ms/webhook/p99")]),
    ("Transaction", "value", "ms", &[("p50", "/latency_ms/transaction/p50"), ("p95", "/latency_ms/transaction/p95"), ("p99", "/latency_ms/transaction/p99")]),
    ("Commit to guest told", "value", "ms", &[("p50", "/latency_ms/notice/p50"), ("p95", "/latency_ms/notice/p95"), ("p99", "/latency_ms/notice/p99")]),
    ("Messages waiting", "value", "", &[("all", "/order_actors/mailbox_depth"), ("busy orders", "/order_actors/busy")]),
    ("Guests waiting", "value", "", &[("guests", "/status_actor/waiters")]),
];

/// The machinery at a glance, and then as it changes.
#[derive(Template)]
#[template(path = "console/live.html")]
struct LivePage {
    desk: PageContext,
    now: Machinery,
    /// How long ago the reconciler ran, if it has.
    ran_ms: Option<u64>,
    /// The last minutes, as a list of documents in JSON.
    history: String,
}

impl LivePage {
    fn charts(&self) -> &'static [(&'static str, &'static str, &'static str, &'static [Line])] {
        &CHARTS
    }

    fn oldest_sms_ms(&self) -> u64 {
        self.now.relay.oldest_queued_secs.unsigned_abs() * 1_000
    }
}

/// The machinery now; the page's script goes on.
pub async fn show(caller: Caller) -> HttpResponse {
    let ran_at = caller.api.reconciler.last_run_at();
    let ran_ms = ran_at.map(|at| (caller.api.store.clock().now() - at).num_milliseconds());
    shown(&LivePage {
        desk: PageContext::of(&caller, Section::Live).await,
        now: Machinery::of(&caller.api),
        ran_ms: ran_ms.map(|ms| u64::try_from(ms).unwrap_or(0)),
        history: caller.api.history.json(),
    })
}

/// As a person types it.
pub async fn home() -> HttpResponse {
    see(HOME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::outcome::Outcome;
    use crate::http::console::tests::desk;
    use crate::http::operators::machinery::{ActorRow, OrderActors};
    use crate::observability::metrics::REJECTED;

    fn page() -> LivePage {
        let words = Outcome::OF_DELIVERIES.map(Outcome::as_str);
        let order_actors = OrderActors {
            live: 12_345,
            oldest_message_ms: 12_345,
            ..OrderActors::default()
        };
        LivePage {
            desk: desk(),
            now: Machinery {
                order_actors,
                webhooks: words
                    .into_iter()
                    .chain(REJECTED)
                    .map(|word| (word, 7))
                    .collect(),
                busiest: vec![ActorRow::default()],
                ..Machinery::default()
            },
            ran_ms: None,
            history: "[]".to_owned(),
        }
    }

    /// What stands in this attribute, everywhere on the page.
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
    fn a_number_is_told_in_its_form_and_what_is_missing_is_a_dash() {
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
}
