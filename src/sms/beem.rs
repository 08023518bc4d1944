//! Beem (Tanzania). Documented by Beem: Basic auth with key and secret, and an answer whose
//! `code` decides: 100 is accepted, all others are not. It has no place for our reference.

use async_trait::async_trait;
use serde_json::json;

use super::http::{Auth, Http, HttpAnswer, count, required, said, scalar, word};
use super::{CarrierError, Message, Provider, SmsError, Taken};
use crate::config::SmsConfig;

const NAME: &str = "Beem";
const BASE_URL: &str = "https://apisms.beem.africa";
const SEND_PATH: &str = "/v1/send";
const BALANCE_PATH: &str = "/public/v1/vendors/balance";

pub(super) struct Beem {
    http: Http,
    sender_id: String,
}

impl Beem {
    pub(super) fn new(config: &SmsConfig) -> Result<Self, CarrierError> {
        let auth = Auth::Basic(
            required(config.api_key.as_ref(), "sms.api_key")?,
            required(config.secret_key.as_ref(), "sms.secret_key")?,
        );
        Ok(Self {
            http: Http::new(config, NAME, BASE_URL, auth)?,
            sender_id: required(config.sender_id.as_ref(), "sms.sender_id")?,
        })
    }
}

#[async_trait]
impl Provider for Beem {
    fn name(&self) -> &'static str {
        "beem"
    }

    async fn send(&self, message: Message<'_>) -> Result<Taken, SmsError> {
        // An empty schedule is now, encoding 0 is text, and the phone is `255…`, without a plus.
        let wish = json!({
            "source_addr": self.sender_id,
            "schedule_time": "",
            "encoding": 0,
            "message": message.text,
            "recipients": [{"recipient_id": 1, "dest_addr": message.phone.international()}],
        });
        read_answer(
            &self
                .http
                .hear(self.http.post(SEND_PATH).json(&wish))
                .await?,
        )
    }

    async fn check(&self) -> Result<String, String> {
        let call = self.http.get(BALANCE_PATH);
        (self
            .http
            .check(call, |body| body.pointer("/data/credit_balance")))
        .await
    }
}

fn read_answer(heard: &HttpAnswer) -> Result<Taken, SmsError> {
    // Errors come inside `data`, with a status that is not 200.
    let answer = match &heard.body["data"] {
        data if data.is_object() => data,
        _ => &heard.body,
    };
    let Some(code) = scalar(&answer["code"]) else {
        return heard.unclear();
    };
    let said = said(&answer["message"]);
    match code.as_str() {
        "100" if answer["successful"] == false => {
            Err(heard.later(&format!("did not succeed: {said}")))
        }
        // Accepted as a request, with our only phone among the invalid ones.
        "100"
            if count(&answer["valid"]) == Some(0_u64)
                && count(&answer["invalid"]) > Some(0_u64) =>
        {
            Err(heard.never("refused: the phone is invalid"))
        }
        "100" if heard.is_success() => Ok(Taken {
            message_id: scalar(&answer["request_id"]),
            ..Taken::default()
        }),
        "100" => Err(heard.fault()),
        "101" => Err(heard.never("refused: the phone is invalid (101)")),
        "102" => Err(heard.later("has no balance left (102)")),
        "103" => Err(heard.later("ran out of time (103)")),
        "106" => Err(heard.later("has no route (106)")),
        "107" | "108" => Err(heard.refused_credentials()),
        other => Err(heard.later(&format!("answered {}: {said}", word(other)))),
    }
}
