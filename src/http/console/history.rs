//! The last minutes of the machinery, so that a page that is opened now has charts at once.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::http::Api;
use crate::http::operators::machinery::Machinery;

/// Between two looks.
const EACH: Duration = Duration::from_secs(3);

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
        api.history.push(charted(&Machinery::of(&api)).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::api::{HISTORY_MAX, History};
    use crate::http::operators::machinery::ActorRow;

    #[test]
    fn five_minutes_are_kept_and_what_is_older_is_not() {
        let history = History::default();
        assert_eq!(history.json(), "[]");

        for n in 0..HISTORY_MAX + 20 {
            let machinery = Machinery {
                at: n.to_string(),
                busiest: vec![ActorRow {
                    last_error: Some("</script>".to_owned()),
                    ..ActorRow::default()
                }],
                ..Machinery::default()
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
