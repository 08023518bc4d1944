//! NextSMS (Tanzania). Documented by NextSMS: Basic auth, one message a POST, a reference of
//! ours, delivery reports to be asked for. What became of a message stands in its status's
//! `groupName`; the HTTP status and `success` are about the request.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http::{Basic, Heard, Http, figure, later, never, required, scalar, word};
use super::{CarrierError, Message, Provider, Receipt, SmsError, Taken};
use crate::config::SmsConfig;
use crate::domain::people::secret::Secret;

const NAME: &str = "NextSMS";
const BASE_URL: &str = "https://messaging-service.co.tz";
const SEND_PATH: &str = "/api/sms/v1/text/single";
const REPORTS_PATH: &str = "/api/sms/v1/reports";
const BALANCE_PATH: &str = "/api/sms/v1/balance";

/// Words in the name of a refusal that are about our account or their network, and not about
/// the phone: another attempt may succeed.
const NOT_THE_PHONE: [&str; 6] = ["CREDIT", "SENDER", "NETWORK", "ROUTE", "SYSTEM", "FLOOD"];

pub(super) struct NextSms {
    http: Http,
    basic: Basic,
    sender_id: String,
}

#[derive(Serialize)]
struct Wish<'a> {
    from: &'a str,
    /// `255…`, without a plus.
    to: &'a str,
    text: &'a str,
    reference: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    messages: Option<Vec<Line>>,
    #[serde(default)]
    success: Value,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    message: Value,
}

#[derive(Deserialize)]
struct Reports {
    results: Option<Vec<Line>>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    to: Value,
    status: Option<Status>,
    #[serde(default, rename = "messageId")]
    message_id: Value,
    #[serde(default, rename = "smsCount")]
    sms_count: Value,
}

#[derive(Deserialize)]
struct Status {
    #[serde(rename = "groupName")]
    group: String,
    #[serde(default)]
    name: String,
}

impl NextSms {
    pub(super) fn new(config: &SmsConfig) -> Result<Self, CarrierError> {
        let username = required(config.username.as_ref(), "sms.username")?;
        Ok(Self {
            http: Http::new(config, NAME, BASE_URL)?,
            basic: Basic {
                name: Secret::new(username),
                password: required(config.password.as_ref(), "sms.password")?,
            },
            sender_id: required(config.sender_id.as_ref(), "sms.sender_id")?,
        })
    }

    async fn hear(&self, call: reqwest::RequestBuilder) -> Result<Heard, SmsError> {
        let call = self.basic.sign(call).header("accept", "application/json");
        self.http.hear(call).await
    }
}

impl Provider for NextSms {
    fn name(&self) -> &'static str {
        "nextsms"
    }

    fn send<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Result<Taken, SmsError>> {
        async move {
            let wish = Wish {
                from: &self.sender_id,
                to: message.phone.international(),
                text: message.text,
                reference: message.reference,
            };
            let heard = self.hear(self.http.post(SEND_PATH).json(&wish)).await?;
            read_answer(&heard, wish.to)
        }
        .boxed()
    }

    fn gives_receipts(&self) -> bool {
        true
    }

    fn receipt<'a>(&'a self, message_id: &'a str) -> BoxFuture<'a, Result<Receipt, SmsError>> {
        async move {
            let call = self.http.get(REPORTS_PATH);
            let heard = self.hear(call.query(&[("messageId", message_id)])).await?;
            read_report(&heard, message_id)
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        async move {
            let heard = self.hear(self.http.get(BALANCE_PATH)).await;
            let heard = heard.map_err(|error| error.to_string())?;
            let body: Option<serde_json::Map<String, Value>> = heard.json();
            match body.filter(|_| heard.is_success()) {
                Some(body) if body.get("success") != Some(&Value::Bool(false)) => {
                    let balance = figure(body.get("sms_balance").unwrap_or(&Value::Null));
                    Ok(format!("{NAME} knows the credentials; balance {balance}"))
                }
                Some(_) => Err(heard.refused_credentials().to_string()),
                None => Err(heard.fault().to_string()),
            }
        }
        .boxed()
    }
}

fn read_answer(heard: &Heard, to: &str) -> Result<Taken, SmsError> {
    if matches!(heard.status, 401 | 403) {
        return Err(heard.fault());
    }
    let Some(answer) = heard.json::<Answer>() else {
        return heard.unclear();
    };
    if answer.success == Value::Bool(false) {
        return Err(match scalar(&answer.status).as_deref() {
            Some("401" | "403") => heard.refused_credentials(),
            _ => {
                let why = scalar(&answer.message).unwrap_or_default();
                later(NAME, &format!("refused the request: {}", word(&why)))
            }
        });
    }
    let lines = answer.messages.unwrap_or_default();
    let line = ours(&lines, &|line| scalar(&line.to).as_deref() == Some(to));
    let Some((line, status)) = line.and_then(|line| Some((line, line.status.as_ref()?))) else {
        return heard.unclear();
    };
    match status.group.trim().to_ascii_uppercase().as_str() {
        "PENDING" | "ACCEPTED" | "DELIVERED" => Ok(Taken {
            message_id: scalar(&line.message_id),
            parts: scalar(&line.sms_count).and_then(|count| count.parse().ok()),
            unclear: None,
        }),
        "REJECTED" | "UNDELIVERABLE" | "EXPIRED" => Err(refusal(&status.name)),
        other => heard.unclear_because(&format!("said {}", word(other))),
    }
}

fn refusal(name: &str) -> SmsError {
    let upper = name.to_ascii_uppercase();
    let what = format!("refused: {}", word(name));
    if NOT_THE_PHONE.iter().any(|part| upper.contains(part)) {
        later(NAME, &what)
    } else {
        never(NAME, &what)
    }
}

fn read_report(heard: &Heard, message_id: &str) -> Result<Receipt, SmsError> {
    let reports: Option<Reports> = heard.json();
    let Some(reports) = reports.filter(|_| heard.is_success()) else {
        return Err(heard.fault());
    };
    let lines = reports.results.unwrap_or_default();
    let is_ours = |line: &Line| scalar(&line.message_id).as_deref() == Some(message_id);
    // Not in the list yet, or without a status: nothing is known.
    let status = ours(&lines, &is_ours).and_then(|line| line.status.as_ref());
    Ok(match status {
        None => Receipt::Underway,
        Some(status) => match status.group.trim().to_ascii_uppercase().as_str() {
            "DELIVERED" => Receipt::Delivered,
            "UNDELIVERABLE" | "EXPIRED" | "REJECTED" => Receipt::Undelivered(word(&status.name)),
            _ => Receipt::Underway,
        },
    })
}

/// The line about our message: the one that says so, or the only one.
fn ours<'a>(lines: &'a [Line], says_so: &dyn Fn(&Line) -> bool) -> Option<&'a Line> {
    match lines {
        [only] => Some(only),
        _ => lines.iter().find(|line| says_so(line)),
    }
}

#[cfg(test)]
mod tests;
