//! Beem (Tanzania). Documented by Beem: Basic auth with key and secret, and an answer whose
//! `code` decides: 100 is accepted, all others are not. It has no place for our reference.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http::{Basic, Heard, Http, figure, later, never, required, scalar, word};
use super::{CarrierError, Message, Provider, SmsError, Taken};
use crate::config::SmsConfig;

const NAME: &str = "Beem";
const BASE_URL: &str = "https://apisms.beem.africa";
const SEND_PATH: &str = "/v1/send";
const BALANCE_PATH: &str = "/public/v1/vendors/balance";

pub(super) struct Beem {
    http: Http,
    basic: Basic,
    sender_id: String,
}

#[derive(Serialize)]
struct Wish<'a> {
    source_addr: &'a str,
    /// Empty is now.
    schedule_time: &'a str,
    /// 0 is text.
    encoding: u8,
    message: &'a str,
    recipients: [Recipient<'a>; 1],
}

#[derive(Serialize)]
struct Recipient<'a> {
    recipient_id: u8,
    /// `255…`, without a plus.
    dest_addr: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    code: Value,
    #[serde(default)]
    request_id: Value,
    #[serde(default)]
    successful: Value,
    #[serde(default)]
    valid: Value,
    #[serde(default)]
    invalid: Value,
    #[serde(default)]
    message: Value,
}

#[derive(Deserialize)]
struct Wrapped {
    data: Answer,
}

#[derive(Deserialize)]
struct Balance {
    data: BalanceLine,
}

#[derive(Deserialize)]
struct BalanceLine {
    credit_balance: Value,
}

impl Beem {
    pub(super) fn new(config: &SmsConfig) -> Result<Self, CarrierError> {
        Ok(Self {
            http: Http::new(config, NAME, BASE_URL)?,
            basic: Basic {
                name: required(config.api_key.as_ref(), "sms.api_key")?,
                password: required(config.secret_key.as_ref(), "sms.secret_key")?,
            },
            sender_id: required(config.sender_id.as_ref(), "sms.sender_id")?,
        })
    }
}

impl Provider for Beem {
    fn name(&self) -> &'static str {
        "beem"
    }

    fn send<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Result<Taken, SmsError>> {
        async move {
            let wish = Wish {
                source_addr: &self.sender_id,
                schedule_time: "",
                encoding: 0,
                message: message.text,
                recipients: [Recipient {
                    recipient_id: 1,
                    dest_addr: message.phone.international(),
                }],
            };
            let call = self.basic.sign(self.http.post(SEND_PATH)).json(&wish);
            read_answer(&self.http.hear(call).await?)
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        async move {
            let call = self.basic.sign(self.http.get(BALANCE_PATH));
            let heard = self.http.hear(call).await;
            let heard = heard.map_err(|error| error.to_string())?;
            let balance: Option<Balance> = heard.json();
            match balance.filter(|_| heard.is_success()) {
                Some(balance) => {
                    let credit = figure(&balance.data.credit_balance);
                    Ok(format!("{NAME} knows the credentials; balance {credit}"))
                }
                None => Err(heard.fault().to_string()),
            }
        }
        .boxed()
    }
}

fn read_answer(heard: &Heard) -> Result<Taken, SmsError> {
    // Errors come inside `data`, with a status that is not 200.
    let answer = heard.json::<Wrapped>().map(|wrapped| wrapped.data);
    let Some(answer) = answer.or_else(|| heard.json()) else {
        return heard.unclear();
    };
    let Some(code) = scalar(&answer.code) else {
        return heard.unclear();
    };
    let said = || word(&scalar(&answer.message).unwrap_or_default());
    match code.as_str() {
        "100" if answer.successful == Value::Bool(false) => {
            Err(later(NAME, &format!("did not succeed: {}", said())))
        }
        // Accepted as a request, with our only phone among the invalid ones.
        "100" if count(&answer.valid) == Some(0) && count(&answer.invalid) > Some(0) => {
            Err(never(NAME, "refused: the phone is invalid"))
        }
        "100" if heard.is_success() => Ok(Taken {
            message_id: scalar(&answer.request_id),
            ..Taken::default()
        }),
        "100" => Err(heard.fault()),
        "101" => Err(never(NAME, "refused: the phone is invalid (101)")),
        "102" => Err(later(NAME, "has no balance left (102)")),
        "103" => Err(later(NAME, "ran out of time (103)")),
        "106" => Err(later(NAME, "has no route (106)")),
        "107" | "108" => Err(heard.refused_credentials()),
        other => Err(later(
            NAME,
            &format!("answered {}: {}", word(other), said()),
        )),
    }
}

fn count(value: &Value) -> Option<u64> {
    scalar(value)?.parse().ok()
}

#[cfg(test)]
mod tests;
