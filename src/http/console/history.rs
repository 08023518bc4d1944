//! The last minutes of the machinery, so that a page that is opened now has charts at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::http::Api;
use crate::http::operators::machinery::Machinery;

/// Between two looks.
const EACH: Duration = Duration::from_secs(3);
/// Five minutes of them.
const LOOKS: usize = 100;

/// What charts are drawn of. Cheap to clone.
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<VecDeque<Arc<str>>>>);

impl History {
    /// A list of documents in JSON, oldest first, each with what charts show.
    pub fn json(&self) -> String {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let looks: Vec<Arc<str>> = looks.iter().cloned().collect();
        format!("[{}]", looks.join(","))
    }

    fn keep(&self, now: &Machinery) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() == LOOKS {
            looks.pop_front();
        }
        looks.push_back(charted(now).to_string().into());
    }
}

/// The part that charts show: numbers, and no text that came from outside.
fn charted(now: &Machinery) -> Value {
    let actors = &now.order_actors;
    json!({
        "at": now.at,
        "webhooks": now.webhooks,
        "latency_ms": now.latency_ms,
        "order_actors": {"mailbox_depth": actors.mailbox_depth, "busy": actors.busy},
        "status_actor": {"waiters": now.status_actor.waiters},
    })
}

/// Looks every few seconds, until the server stops.
pub async fn keep(api: Api) {
    let mut clock = interval(EACH);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while api
        .draining
        .run_until_cancelled(clock.tick())
        .await
        .is_some()
    {
        api.history.keep(&Machinery::of(&api));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::operators::machinery::ActorRow;

    #[test]
    fn five_minutes_are_kept_and_what_is_older_is_not() {
        let history = History::default();
        assert_eq!(history.json(), "[]");

        for n in 0..LOOKS + 20 {
            history.keep(&Machinery {
                at: n.to_string(),
                busiest: vec![ActorRow {
                    last_error: Some("</script>".to_owned()),
                    ..ActorRow::default()
                }],
                ..Machinery::default()
            });
        }

        let kept: Vec<Value> = serde_json::from_str(&history.json()).unwrap();
        assert_eq!(kept.len(), LOOKS);
        assert_eq!(
            (&kept[0]["at"], &kept[LOOKS - 1]["at"]),
            (&json!("20"), &json!((LOOKS + 19).to_string()))
        );
        assert!(!history.json().contains('<'));
    }
}
