//! The server's side of `malipo check`: calls that the doctor has announced in the database are
//! recognised. Any other nonce is ignored, so a stranger learns nothing and holds nothing.

use std::time::Duration;

use actix_web::HttpRequest;
use tokio::time::sleep;
use tracing::warn;
use uuid::Uuid;

use super::Api;
use super::problem::{Code, Problem};
use crate::domain::order::OrderId;
use crate::store::SeenCall;

/// Marks a webhook as the doctor's, which has announced the value.
pub const DOCTOR_HEADER: &str = "malipo-check";

/// Records how a call of the doctor has arrived.
pub async fn recognise(api: &Api, request: &HttpRequest, nonce: &str) {
    if is_announced(api, nonce).await {
        arrived(api, request, nonce).await;
    }
}

async fn arrived(api: &Api, request: &HttpRequest, nonce: &str) {
    let Some(peer) = request.peer_addr() else {
        return;
    };
    let peer = peer.ip().to_canonical();
    let client = api.clients.address(request).unwrap_or(peer);
    let seen = SeenCall {
        peer: peer.to_string(),
        client: client.to_string(),
        is_forwarded: request.headers().contains_key("x-forwarded-for"),
        is_trusted: api.clients.trusts_way(request),
    };
    if let Err(error) = api.store.call_arrived(nonce, seen).await {
        warn!(%error, "a call of malipo check could not be recorded");
    }
}

/// Holds a poll of an order that does not exist, if the doctor has announced it: it measures how long
/// the proxies in between keep a waiting guest.
pub async fn hold(api: &Api, order_id: OrderId, wait: Duration) {
    if !wait.is_zero() && is_announced(api, &order_id.to_string()).await {
        api.draining.run_until_cancelled(sleep(wait)).await;
    }
}

/// The answer to a webhook by which the doctor tries the key or the way; `None` for any other. Nothing
/// is journalled or counted: it is no delivery of ZenoPay.
pub async fn try_key(api: &Api, request: &HttpRequest, key: Option<&[u8]>) -> Option<Problem> {
    let nonce = request.headers().get(DOCTOR_HEADER)?.to_str().ok()?;
    if !is_announced(api, nonce).await {
        return None;
    }
    arrived(api, request, nonce).await;
    let code = match api.orders.knows_key(key) {
        true => Code::OrderNotFound,
        false => Code::WebhookNotAuthentic,
    };
    Some(code.into())
}

/// Without the database nothing is announced. Anyone may send a nonce, so each takes a place before the
/// database is read, one of those that strangers' webhooks have; without a place it has no effect.
async fn is_announced(api: &Api, nonce: &str) -> bool {
    if Uuid::try_parse(nonce).is_err() {
        return false;
    }
    let Some(_place) = api.orders.enter_unverified() else {
        return false;
    };
    api.store.is_doctors_call(nonce).await.unwrap_or(false)
}
