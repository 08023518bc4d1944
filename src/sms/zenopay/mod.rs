//! ZenoPay's own SMS. Documented by ZenoPay: the request alone. So what the answer says is
//! read with care: a clear no is a no, and anything else that is well-formed is a yes, for
//! an SMS sent ten times is worse than one that an operator resends.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::{Map, Value};

use super::http::{Heard, Http, required, scalar};
use super::{CarrierError, Message, Provider, SmsError, Taken};
use crate::config::SmsConfig;
use crate::domain::people::secret::Secret;

const NAME: &str = "ZenoPay SMS";
const BASE_URL: &str = "https://zenoapi.com";
const SEND_PATH: &str = "/api/sms/send/";

pub(super) struct ZenoPay {
    http: Http,
    api_key: Secret,
    sender_id: String,
}

#[derive(Serialize)]
struct Wish<'a> {
    /// `255…`, without a plus.
    recipient: &'a str,
    message: &'a str,
    sender_id: &'a str,
    message_type: &'a str,
}

impl ZenoPay {
    pub(super) fn new(config: &SmsConfig, zenopay_key: Secret) -> Result<Self, CarrierError> {
        Ok(Self {
            http: Http::new(config, NAME, BASE_URL)?,
            api_key: config.api_key.clone().unwrap_or(zenopay_key),
            sender_id: required(config.sender_id.as_ref(), "sms.sender_id")?,
        })
    }
}

impl Provider for ZenoPay {
    fn name(&self) -> &'static str {
        "zenopay"
    }

    fn send<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Result<Taken, SmsError>> {
        async move {
            let wish = Wish {
                recipient: message.phone.international(),
                message: message.text,
                sender_id: &self.sender_id,
                message_type: "alert",
            };
            let call = self.http.post(SEND_PATH).json(&wish);
            let call = call.header("x-api-key", self.api_key.expose());
            read_answer(&self.http.hear(call).await?)
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        async move {
            Ok(format!(
                "{NAME} has nothing to ask without sending; not checked"
            ))
        }
        .boxed()
    }
}

fn read_answer(heard: &Heard) -> Result<Taken, SmsError> {
    if !heard.is_success() {
        return Err(heard.fault());
    }
    heard.no_clear_no()?;
    let Some(answer) = heard.json::<Map<String, Value>>() else {
        return heard.unclear();
    };
    let id = ["message_id", "messageId", "id"];
    Ok(Taken {
        message_id: id.into_iter().find_map(|name| scalar(answer.get(name)?)),
        ..Taken::default()
    })
}

#[cfg(test)]
mod tests;
