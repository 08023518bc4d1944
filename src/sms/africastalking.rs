//! Africa's Talking. Documented by them: a form, an `apiKey` header, and an answer with a
//! `statusCode` for each recipient. It has no field for our reference.

use std::sync::Arc;

use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::http::{Account, Auth, HttpAnswer, JSON, count, ours, scalar, word, word_in};
use super::message::{Accepted, Message, SmsError};
use crate::config::SmsConfig;

pub(super) fn account(config: &SmsConfig) -> reqwest::Result<Arc<Account>> {
    let key = config.api_key.clone().unwrap_or_default();
    let url = "https://api.africastalking.com";
    Account::new(config, "Africa's Talking", url, Auth::Header("apiKey", key))
}

pub(super) async fn send(account: &Account, message: Message<'_>) -> Result<Accepted, SmsError> {
    let to = format!("+{}", message.phone.international());
    let mut form = vec![
        ("username", account.username.as_deref().unwrap_or_default()),
        ("to", &to),
        ("message", message.text),
    ];
    form.extend(account.sender_id.as_deref().map(|from| ("from", from)));
    let form = serde_urlencoded::to_string(form).expect("pairs of texts make a form");
    let call = (account.post("/version1/messaging"))
        .header(ACCEPT, JSON)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form);
    read_answer(&account.call(call).await?, &to)
}

pub(super) async fn check(account: &Account) -> Result<String, String> {
    let call = account.get("/version1/user").header(ACCEPT, JSON);
    let call = call.query(&[("username", &account.username)]);
    account
        .check(call, |body| body.pointer("/UserData/balance"))
        .await
}

fn read_answer(answer: &HttpAnswer, to: &str) -> Result<Accepted, SmsError> {
    if !answer.is_success() {
        return Err(answer.error());
    }
    let data = &answer.body["SMSMessageData"];
    let recipients = &data["Recipients"];
    if recipients.as_array().is_some_and(Vec::is_empty) {
        let message = word_in(&data["Message"]);
        return Err(answer.later(format_args!("took nothing: {message}")));
    }
    let ours = ours(recipients, "number", to);
    let Some((ours, code)) = ours.and_then(|ours| Some((ours, scalar(&ours["statusCode"])?)))
    else {
        return answer.unclear();
    };
    let status = word_in(&ours["status"]);
    match code.as_str() {
        "100" | "101" | "102" => Ok(Accepted {
            message_id: scalar(&ours["messageId"]).filter(|id| id != "None"),
            parts: count(&ours["messageParts"]),
            unclear: None,
        }),
        // Invalid phone, unsupported kind of number, on the blacklist, wants no messages.
        "403" | "404" | "406" | "409" => {
            Err(answer.never(format_args!("refused: {status} ({code})")))
        }
        "405" => Err(answer.later("has no balance left (405)")),
        other => {
            let what = format!("answered {}: {status}", word(other));
            // Documented: 4xx and 5xx are refusals.
            if other.starts_with(['4', '5']) {
                return Err(answer.later(what));
            }
            answer.unclear_because(what)
        }
    }
}
