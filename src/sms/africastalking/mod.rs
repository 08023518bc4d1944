//! Africa's Talking. Documented by them: a form, an `apiKey` header, and an answer with a
//! `statusCode` for each recipient. It has no place for our reference.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::RequestBuilder;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::Value;

use super::http::{Heard, Http, figure, later, never, required, scalar, word};
use super::{CarrierError, Message, Provider, SmsError, Taken};
use crate::config::SmsConfig;
use crate::domain::people::secret::Secret;

const NAME: &str = "Africa's Talking";
const BASE_URL: &str = "https://api.africastalking.com";
const SEND_PATH: &str = "/version1/messaging";
const USER_PATH: &str = "/version1/user";

pub(super) struct AfricasTalking {
    http: Http,
    username: String,
    api_key: Secret,
    sender_id: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "SMSMessageData")]
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    /// For a person, and the only word when nobody is among the recipients.
    #[serde(default, rename = "Message")]
    message: Value,
    #[serde(rename = "Recipients")]
    recipients: Option<Vec<Recipient>>,
}

#[derive(Deserialize)]
struct Recipient {
    #[serde(default, rename = "statusCode")]
    status_code: Value,
    #[serde(default)]
    number: Value,
    #[serde(default)]
    status: Value,
    #[serde(default, rename = "messageId")]
    message_id: Value,
    #[serde(default, rename = "messageParts")]
    message_parts: Value,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "UserData")]
    data: UserData,
}

#[derive(Deserialize)]
struct UserData {
    balance: Value,
}

impl AfricasTalking {
    pub(super) fn new(config: &SmsConfig) -> Result<Self, CarrierError> {
        Ok(Self {
            http: Http::new(config, NAME, BASE_URL)?,
            username: required(config.username.as_ref(), "sms.username")?,
            api_key: required(config.api_key.as_ref(), "sms.api_key")?,
            sender_id: config.sender_id.clone(),
        })
    }

    fn sign(&self, call: RequestBuilder) -> RequestBuilder {
        // They answer in XML unless told otherwise.
        call.header("apiKey", self.api_key.expose())
            .header(ACCEPT, "application/json")
    }
}

impl Provider for AfricasTalking {
    fn name(&self) -> &'static str {
        "africastalking"
    }

    fn send<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Result<Taken, SmsError>> {
        async move {
            let to = format!("+{}", message.phone.international());
            let mut form = vec![
                ("username", self.username.as_str()),
                ("to", &to),
                ("message", message.text),
            ];
            form.extend(self.sender_id.as_deref().map(|from| ("from", from)));
            let form = serde_urlencoded::to_string(form).expect("pairs of texts make a form");
            let call = self
                .sign(self.http.post(SEND_PATH))
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form);
            read_answer(&self.http.hear(call).await?, &to)
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        async move {
            let call = self.http.get(USER_PATH);
            let call = self.sign(call.query(&[("username", &self.username)]));
            let heard = self.http.hear(call).await;
            let heard = heard.map_err(|error| error.to_string())?;
            let user: Option<User> = heard.json();
            match user.filter(|_| heard.is_success()) {
                Some(user) => {
                    let balance = figure(&user.data.balance);
                    Ok(format!("{NAME} knows the credentials; balance {balance}"))
                }
                None => Err(heard.fault().to_string()),
            }
        }
        .boxed()
    }
}

fn read_answer(heard: &Heard, to: &str) -> Result<Taken, SmsError> {
    if !heard.is_success() {
        return Err(heard.fault());
    }
    let Some(Answer { data }) = heard.json() else {
        return heard.unclear();
    };
    let Some(recipients) = data.recipients else {
        return heard.unclear();
    };
    let ours = match recipients.as_slice() {
        [] => {
            let message = scalar(&data.message).unwrap_or_default();
            return Err(later(NAME, &format!("took nothing: {}", word(&message))));
        }
        [only] => Some(only),
        several => several
            .iter()
            .find(|one| scalar(&one.number).as_deref() == Some(to)),
    };
    let Some((ours, code)) = ours.and_then(|ours| Some((ours, scalar(&ours.status_code)?))) else {
        return heard.unclear();
    };
    let said = word(&scalar(&ours.status).unwrap_or_default());
    match code.as_str() {
        "100" | "101" | "102" => Ok(Taken {
            message_id: scalar(&ours.message_id).filter(|id| id != "None"),
            parts: scalar(&ours.message_parts).and_then(|count| count.parse().ok()),
            unclear: None,
        }),
        // Invalid phone, unsupported kind of number, on the blacklist, wants no messages.
        "403" | "404" | "406" | "409" => Err(never(NAME, &format!("refused: {said} ({code})"))),
        "405" => Err(later(NAME, "has no balance left (405)")),
        // Documented: 4xx and 5xx are refusals.
        other if other.starts_with(['4', '5']) => {
            Err(later(NAME, &format!("answered {}: {said}", word(other))))
        }
        other => heard.unclear_because(&format!("answered {}: {said}", word(other))),
    }
}

#[cfg(test)]
mod tests;
