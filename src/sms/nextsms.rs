//! NextSMS (Tanzania). Documented by NextSMS: Basic auth, one message a POST, a reference of
//! ours, delivery reports to be asked for. What became of a message stands in its status's
//! `groupName`; the HTTP status and `success` are about the request.

use async_trait::async_trait;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use super::http::{Auth, Http, HttpAnswer, count, ours, required, said, scalar, word};
use super::{CarrierError, Message, Provider, Receipt, SmsError, Taken};
use crate::config::SmsConfig;
use crate::domain::people::secret::Secret;

const NAME: &str = "NextSMS";
const BASE_URL: &str = "https://messaging-service.co.tz";
const SEND_PATH: &str = "/api/sms/v1/text/single";
const REPORTS_PATH: &str = "/api/sms/v1/reports";
const BALANCE_PATH: &str = "/api/sms/v1/balance";
const JSON: &str = "application/json";

/// Words in the name of a refusal that are about our account or their network, and not about
/// the phone: another attempt may succeed.
const NOT_THE_PHONE: [&str; 6] = ["CREDIT", "SENDER", "NETWORK", "ROUTE", "SYSTEM", "FLOOD"];

pub(super) struct NextSms {
    http: Http,
    sender_id: String,
}

impl NextSms {
    pub(super) fn new(config: &SmsConfig) -> Result<Self, CarrierError> {
        let auth = Auth::Basic(
            Secret::new(required(config.username.as_ref(), "sms.username")?),
            required(config.password.as_ref(), "sms.password")?,
        );
        Ok(Self {
            http: Http::new(config, NAME, BASE_URL, auth)?,
            sender_id: required(config.sender_id.as_ref(), "sms.sender_id")?,
        })
    }
}

#[async_trait]
impl Provider for NextSms {
    fn name(&self) -> &'static str {
        "nextsms"
    }

    async fn send(&self, message: Message<'_>) -> Result<Taken, SmsError> {
        // `255…`, without a plus.
        let to = message.phone.international();
        let wish = json!({
            "from": self.sender_id, "to": to,
            "text": message.text, "reference": message.reference,
        });
        let call = self.http.post(SEND_PATH).header(ACCEPT, JSON).json(&wish);
        read_answer(&self.http.hear(call).await?, to)
    }

    fn gives_receipts(&self) -> bool {
        true
    }

    async fn receipt(&self, message_id: &str) -> Result<Receipt, SmsError> {
        let call = self.http.get(REPORTS_PATH).header(ACCEPT, JSON);
        let call = call.query(&[("messageId", message_id)]);
        read_report(&self.http.hear(call).await?, message_id)
    }

    async fn check(&self) -> Result<String, String> {
        let call = self.http.get(BALANCE_PATH).header(ACCEPT, JSON);
        (self.http.check(call, |body| {
            Some(&body["sms_balance"]).filter(|_| body.is_object())
        }))
        .await
    }
}

fn read_answer(heard: &HttpAnswer, to: &str) -> Result<Taken, SmsError> {
    let answer = &heard.body;
    if matches!(heard.status, 401 | 403) {
        return Err(heard.fault());
    }
    if answer["success"] == false {
        return Err(match scalar(&answer["status"]).as_deref() {
            Some("401" | "403") => heard.refused_credentials(),
            _ => heard.later(&format!(
                "refused the request: {}",
                said(&answer["message"])
            )),
        });
    }
    let line = ours(&answer["messages"], "to", to);
    let Some((line, group)) = line.and_then(|line| Some((line, group(line)?))) else {
        return heard.unclear();
    };
    match group.as_str() {
        "PENDING" | "ACCEPTED" | "DELIVERED" => Ok(Taken {
            message_id: scalar(&line["messageId"]),
            parts: count(&line["smsCount"]),
            unclear: None,
        }),
        "REJECTED" | "UNDELIVERABLE" | "EXPIRED" => {
            let name = scalar(&line["status"]["name"]).unwrap_or_default();
            let is_ours = |part: &&str| name.to_ascii_uppercase().contains(part);
            let what = format!("refused: {}", said(&line["status"]["name"]));
            Err(match NOT_THE_PHONE.iter().any(is_ours) {
                true => heard.later(&what),
                false => heard.never(&what),
            })
        }
        other => heard.unclear_because(&format!("said {}", word(other))),
    }
}

fn read_report(heard: &HttpAnswer, message_id: &str) -> Result<Receipt, SmsError> {
    if !heard.is_success() || !heard.body.is_object() {
        return Err(heard.fault());
    }
    // Not in the list yet, or without a status: nothing is known.
    let line = ours(&heard.body["results"], "messageId", message_id);
    Ok(match line.and_then(group).as_deref() {
        Some("DELIVERED") => Receipt::Delivered,
        Some("UNDELIVERABLE" | "EXPIRED" | "REJECTED") => Receipt::Undelivered(
            line.map_or_else(String::new, |line| said(&line["status"]["name"])),
        ),
        _ => Receipt::Underway,
    })
}

/// What became of the message of this line.
fn group(line: &Value) -> Option<String> {
    let group = line["status"]["groupName"].as_str()?;
    Some(group.trim().to_ascii_uppercase())
}
