//! ZenoPay: its name, its certificate, and whether it knows the key.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::call::{Target, is_plain_and_remote, resolve};
use crate::config::{Config, Mode};
use crate::domain::health::Finding;
use crate::domain::order::OrderId;
use crate::gateways::zenopay::client::{Client, ClientError};
use crate::gateways::zenopay::wire::{StatusAnswer, Why};
use crate::http_client::CallError;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Asks about an order that cannot exist: moves no money, and shows whether the key is accepted.
pub(super) async fn zenopay(config: &Config) -> Finding {
    if config.zenopay.mode == Mode::Sandbox {
        return Finding::ok("zenopay", "simulated in the process");
    }
    let base_url = &config.zenopay.base_url;
    if is_plain_and_remote(base_url) {
        let detail = "zenopay.base_url is http://: anybody on the way can read the key";
        return Finding::failed("zenopay", detail, "Begin it with https://");
    }
    if let Err(why) = resolve(base_url).await {
        let hint = "Compare zenopay.base_url, and the DNS server of this machine";
        return Finding::failed("zenopay", why, hint);
    }
    let client = match client(config) {
        Ok(client) => client,
        Err(error) => return Finding::failed("zenopay", error.to_string(), ""),
    };
    match client.order_status(OrderId(Uuid::nil())).await.0 {
        StatusAnswer::Known(_) | StatusAnswer::Unknown(Why::NotFound | Why::NotOurs) => {
            Finding::ok("zenopay", "answers, and knows the key")
        }
        StatusAnswer::Unknown(Why::HttpStatus(401 | 403)) => {
            let hint = "Compare the key with the one in ZenoPay's dashboard";
            Finding::failed("zenopay", "refuses zenopay.api_key", hint)
        }
        StatusAnswer::Unknown(Why::Call(CallError::Unreachable)) => {
            let hint = "Look at the firewall, the certificates and the clock of this machine";
            let why = format!("cannot be reached: {}", cause(config).await);
            Finding::failed("zenopay", why, hint)
        }
        StatusAnswer::Unknown(why) => {
            let hint = "If it stays so, ask ZenoPay; orders that were paid are sold afterwards";
            Finding::failed("zenopay", why.to_string(), hint)
        }
    }
}

/// ZenoPay's time, in live mode, if it tells it; the check above says why it does not.
pub(super) async fn time(config: &Config) -> Option<DateTime<Utc>> {
    if config.zenopay.mode == Mode::Sandbox {
        return None;
    }
    client(config).ok()?.time().await.date
}

fn client(config: &Config) -> Result<Client, ClientError> {
    let zenopay = &config.zenopay;
    let create_timeout = Duration::from_millis(zenopay.create_timeout_ms);
    Client::new(zenopay.base_url.clone(), zenopay.key(), create_timeout)
}

/// Why no connection can be opened: DNS, network or certificate. Without the key.
async fn cause(config: &Config) -> String {
    let target = Target::gateway(config);
    let (_, answer) = target.get(target.base.clone(), CONNECT_WITHIN).await;
    answer.map_or_else(|cause| cause, |_| "it answers now".to_owned())
}
