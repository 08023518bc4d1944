//! NextSMS (Tanzania). Documented by NextSMS: Basic auth, one message a POST, a reference of
//! ours, delivery reports on request. The result of a message is its status's `groupName`; the HTTP
//! status and `success` are about the request.

use std::sync::Arc;

use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use super::http::{Account, Auth, HttpAnswer, JSON, count, ours, scalar, word, word_in};
use super::message::{Accepted, Message, Receipt, SmsError};
use crate::config::SmsConfig;
use crate::domain::people::Secret;

/// Words in the name of a refusal that are about our account or their network, and not about
/// the phone: another attempt may succeed.
const NOT_THE_PHONE: [&str; 6] = ["CREDIT", "SENDER", "NETWORK", "ROUTE", "SYSTEM", "FLOOD"];

pub(super) fn account(config: &SmsConfig) -> reqwest::Result<Arc<Account>> {
    let auth = Auth::Basic(
        Secret::new(config.username.clone().unwrap_or_default()),
        config.password.clone().unwrap_or_default(),
    );
    Account::new(config, "NextSMS", "https://messaging-service.co.tz", auth)
}

pub(super) async fn send(account: &Account, message: Message<'_>) -> Result<Accepted, SmsError> {
    // `255…`, without a plus.
    let to = message.phone.international();
    let body = json!({
        "from": account.sender_id, "to": to,
        "text": message.text, "reference": message.reference,
    });
    let call = account.post("/api/sms/v1/text/single").header(ACCEPT, JSON);
    read_answer(&account.call(call.json(&body)).await?, to)
}

pub(super) async fn receipt(account: &Account, message_id: &str) -> Result<Receipt, SmsError> {
    let call = account.get("/api/sms/v1/reports").header(ACCEPT, JSON);
    let call = call.query(&[("messageId", message_id)]);
    read_report(&account.call(call).await?, message_id)
}

pub(super) async fn check(account: &Account) -> Result<String, String> {
    let call = account.get("/api/sms/v1/balance").header(ACCEPT, JSON);
    account
        .check(call, |body| body.is_object().then(|| &body["sms_balance"]))
        .await
}

fn read_answer(answer: &HttpAnswer, to: &str) -> Result<Accepted, SmsError> {
    let body = &answer.body;
    if matches!(answer.status, 401 | 403) {
        return Err(answer.error());
    }
    if body["success"] == false {
        return Err(match scalar(&body["status"]).as_deref() {
            Some("401" | "403") => answer.refused_credentials(),
            _ => {
                let message = word_in(&body["message"]);
                answer.later(format_args!("refused the request: {message}"))
            }
        });
    }
    let line = ours(&body["messages"], "to", to);
    let Some((line, group)) = line.and_then(|line| Some((line, group(line)?))) else {
        return answer.unclear();
    };
    match group.as_str() {
        "PENDING" | "ACCEPTED" | "DELIVERED" => Ok(Accepted {
            message_id: scalar(&line["messageId"]),
            parts: count(&line["smsCount"]),
            unclear: None,
        }),
        "REJECTED" | "UNDELIVERABLE" | "EXPIRED" => {
            let name = scalar(&line["status"]["name"]).unwrap_or_default();
            let is_named = |part: &&str| name.to_ascii_uppercase().contains(part);
            let what = format!("refused: {}", word(&name));
            Err(match NOT_THE_PHONE.iter().any(is_named) {
                true => answer.later(what),
                false => answer.never(what),
            })
        }
        other => answer.unclear_because(format_args!("said {}", word(other))),
    }
}

fn read_report(answer: &HttpAnswer, message_id: &str) -> Result<Receipt, SmsError> {
    if !answer.is_success() || !answer.body.is_object() {
        return Err(answer.error());
    }
    // Nothing is known of a message that is not in the list yet, or has no status.
    let Some(line) = ours(&answer.body["results"], "messageId", message_id) else {
        return Ok(Receipt::Underway);
    };
    Ok(match group(line).as_deref() {
        Some("DELIVERED") => Receipt::Delivered,
        Some("UNDELIVERABLE" | "EXPIRED" | "REJECTED") => {
            Receipt::Undelivered(word_in(&line["status"]["name"]))
        }
        _ => Receipt::Underway,
    })
}

/// The state of the message in this line.
fn group(line: &Value) -> Option<String> {
    let group = line["status"]["groupName"].as_str()?;
    Some(group.trim().to_ascii_uppercase())
}
