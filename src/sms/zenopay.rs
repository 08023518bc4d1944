//! ZenoPay's own SMS. Documented by ZenoPay: the request alone. So what the answer says is
//! read with care: a clear no is a no, and anything else that is well-formed is a yes, for
//! an SMS sent ten times is worse than one that an operator resends.

use async_trait::async_trait;
use serde_json::json;

use super::http::{Auth, Http, HttpAnswer, required, scalar};
use super::{CarrierError, Message, Provider, SmsError, Taken};
use crate::config::SmsConfig;
use crate::domain::people::secret::Secret;

const NAME: &str = "ZenoPay SMS";
const BASE_URL: &str = "https://zenoapi.com";
const SEND_PATH: &str = "/api/sms/send/";

pub(super) struct ZenoPay {
    http: Http,
    sender_id: String,
}

impl ZenoPay {
    pub(super) fn new(config: &SmsConfig, zenopay_key: Secret) -> Result<Self, CarrierError> {
        let key = config.api_key.clone().unwrap_or(zenopay_key);
        Ok(Self {
            http: Http::new(config, NAME, BASE_URL, Auth::Header("x-api-key", key))?,
            sender_id: required(config.sender_id.as_ref(), "sms.sender_id")?,
        })
    }
}

#[async_trait]
impl Provider for ZenoPay {
    fn name(&self) -> &'static str {
        "zenopay"
    }

    async fn send(&self, message: Message<'_>) -> Result<Taken, SmsError> {
        // `255…`, without a plus.
        let wish = json!({
            "recipient": message.phone.international(), "message": message.text,
            "sender_id": self.sender_id, "message_type": "alert",
        });
        read_answer(
            &self
                .http
                .hear(self.http.post(SEND_PATH).json(&wish))
                .await?,
        )
    }

    async fn check(&self) -> Result<String, String> {
        Ok(format!(
            "{NAME} has nothing to ask without sending; not checked"
        ))
    }
}

fn read_answer(heard: &HttpAnswer) -> Result<Taken, SmsError> {
    if !heard.is_success() {
        return Err(heard.fault());
    }
    heard.no_clear_no()?;
    if !heard.body.is_object() {
        return heard.unclear();
    }
    let names = ["message_id", "messageId", "id"];
    Ok(Taken {
        message_id: names.iter().find_map(|name| scalar(&heard.body[name])),
        ..Taken::default()
    })
}
