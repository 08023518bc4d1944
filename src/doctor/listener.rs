//! The running server itself: its readiness, and whether it accepts the key that is configured.

use serde_json::Value;

use super::call::Reached;
use super::front::{Front, LOOK_AT_DATABASE, NO_DATABASE, NO_SERVER};
use crate::checkout::WEBHOOK_PATH;
use crate::domain::health::Finding;
use crate::http_client::Answer;

/// The process at the listener, and what its readiness says; `None` in the server itself.
pub(super) fn server(front: &Front<'_>) -> Option<Finding> {
    const CHECK: &str = "server";
    let (target, reached) = front.listener.as_ref()?;
    let url = &target.base;
    Some(match reached {
        Reached::Ours(_, answer) => {
            let (reasons, warnings) = (texts(answer, "reasons"), texts(answer, "warnings"));
            if answer.status != 200 {
                let detail = format!("not ready: {reasons}");
                Finding::failed(CHECK, detail, "docs/operations.md, First look")
            } else if warnings.is_empty() {
                Finding::ok(CHECK, format!("runs at {url}"))
            } else {
                Finding::warning(CHECK, warnings, "docs/operations.md, First look")
            }
        }
        Reached::Other(status) => Finding::warning(
            CHECK,
            format!(
                "another program answers at {url} (HTTP {status}), or a server with another database"
            ),
            "Compare server.bind and database.url with those of the running server",
        ),
        Reached::Silent(_) => Finding::skipped(CHECK, format!("none answers at {url}")),
        Reached::Untried => Finding::skipped(CHECK, NO_DATABASE),
        Reached::Failed(why) => Finding::failed(CHECK, why.as_str(), LOOK_AT_DATABASE),
    })
}

/// The texts of a list in a readiness document.
fn texts(answer: &Answer, list: &str) -> String {
    let body = answer.body.as_deref().unwrap_or_default();
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let texts = document[list].as_array().into_iter().flatten();
    let texts: Vec<_> = texts.filter_map(Value::as_str).collect();
    texts.join(", ")
}

/// Whether the running server accepts the configured key; `None` in the server itself. The server
/// recognises the webhook as the doctor's and keeps nothing.
pub(super) async fn webhook(front: &Front<'_>) -> Option<Finding> {
    const CHECK: &str = "webhook";
    front.listener.as_ref()?;
    let (Some(target), Some(store)) = (front.own_listener(), front.store) else {
        return Some(Finding::skipped(CHECK, NO_SERVER));
    };
    let key = front.config.zenopay.key();
    let posted = target.post_webhook(store, WEBHOOK_PATH, Some(&key));
    Some(match posted.await {
        Ok((answer, _)) if answer.status == 404 => {
            Finding::ok(CHECK, "the running server accepts zenopay.api_key")
        }
        Ok((answer, _)) if answer.status == 401 => Finding::failed(
            CHECK,
            "the running server refuses zenopay.api_key: it was started with another key",
            "Compare the key with ZenoPay's dashboard, and restart the server if it was changed",
        ),
        Ok((answer, _)) => {
            let status = answer.status;
            let detail = format!("a webhook with zenopay.api_key is answered {status}");
            Finding::failed(CHECK, detail, "Look at the server's log")
        }
        Err(cause) => Finding::failed(CHECK, cause, "Look at the server's log"),
    })
}
