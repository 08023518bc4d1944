//! Africa's Talking. Documented by them: a form, an `apiKey` header, and an answer with a
//! `statusCode` for each recipient. It has no place for our reference.

use async_trait::async_trait;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::http::{Auth, Http, HttpAnswer, count, ours, required, said, scalar, word};
use super::{CarrierError, Message, Provider, SmsError, Taken};
use crate::config::SmsConfig;

const NAME: &str = "Africa's Talking";
const BASE_URL: &str = "https://api.africastalking.com";
const SEND_PATH: &str = "/version1/messaging";
const USER_PATH: &str = "/version1/user";
/// They answer in XML unless told otherwise.
const JSON: &str = "application/json";

pub(super) struct AfricasTalking {
    http: Http,
    username: String,
    sender_id: Option<String>,
}

impl AfricasTalking {
    pub(super) fn new(config: &SmsConfig) -> Result<Self, CarrierError> {
        let key = required(config.api_key.as_ref(), "sms.api_key")?;
        Ok(Self {
            http: Http::new(config, NAME, BASE_URL, Auth::Header("apiKey", key))?,
            username: required(config.username.as_ref(), "sms.username")?,
            sender_id: config.sender_id.clone(),
        })
    }
}

#[async_trait]
impl Provider for AfricasTalking {
    fn name(&self) -> &'static str {
        "africastalking"
    }

    async fn send(&self, message: Message<'_>) -> Result<Taken, SmsError> {
        let to = format!("+{}", message.phone.international());
        let mut form = vec![
            ("username", self.username.as_str()),
            ("to", &to),
            ("message", message.text),
        ];
        form.extend(self.sender_id.as_deref().map(|from| ("from", from)));
        let form = serde_urlencoded::to_string(form).expect("pairs of texts make a form");
        let call = (self.http.post(SEND_PATH))
            .header(ACCEPT, JSON)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        read_answer(&self.http.hear(call).await?, &to)
    }

    async fn check(&self) -> Result<String, String> {
        let call = self.http.get(USER_PATH).header(ACCEPT, JSON);
        let call = call.query(&[("username", &self.username)]);
        (self
            .http
            .check(call, |body| body.pointer("/UserData/balance")))
        .await
    }
}

fn read_answer(heard: &HttpAnswer, to: &str) -> Result<Taken, SmsError> {
    if !heard.is_success() {
        return Err(heard.fault());
    }
    let data = &heard.body["SMSMessageData"];
    let recipients = &data["Recipients"];
    if recipients.as_array().is_some_and(Vec::is_empty) {
        return Err(heard.later(&format!("took nothing: {}", said(&data["Message"]))));
    }
    let ours = ours(recipients, "number", to);
    let Some((ours, code)) = ours.and_then(|ours| Some((ours, scalar(&ours["statusCode"])?)))
    else {
        return heard.unclear();
    };
    let said = said(&ours["status"]);
    match code.as_str() {
        "100" | "101" | "102" => Ok(Taken {
            message_id: scalar(&ours["messageId"]).filter(|id| id != "None"),
            parts: count(&ours["messageParts"]),
            unclear: None,
        }),
        // Invalid phone, unsupported kind of number, on the blacklist, wants no messages.
        "403" | "404" | "406" | "409" => Err(heard.never(&format!("refused: {said} ({code})"))),
        "405" => Err(heard.later("has no balance left (405)")),
        // Documented: 4xx and 5xx are refusals.
        other if other.starts_with(['4', '5']) => {
            Err(heard.later(&format!("answered {}: {said}", word(other))))
        }
        other => heard.unclear_because(&format!("answered {}: {said}", word(other))),
    }
}
