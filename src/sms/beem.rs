//! Beem (Tanzania). Documented by Beem: Basic auth with key and secret, and an answer whose
//! `code` decides: 100 is accepted, all others are not. It has no field for our reference.

use std::sync::Arc;

use serde_json::json;

use super::http::{Account, Auth, HttpAnswer, count, scalar, word, word_in};
use super::message::{Accepted, Message, SmsError};
use crate::config::SmsConfig;

pub(super) fn account(config: &SmsConfig) -> reqwest::Result<Arc<Account>> {
    let auth = Auth::Basic(
        config.api_key.clone().unwrap_or_default(),
        config.secret_key.clone().unwrap_or_default(),
    );
    Account::new(config, "Beem", "https://apisms.beem.africa", auth)
}

pub(super) async fn send(account: &Account, message: Message<'_>) -> Result<Accepted, SmsError> {
    // An empty schedule is now, encoding 0 is text, and the phone is `255…`, without a plus.
    let body = json!({
        "source_addr": account.sender_id,
        "schedule_time": "",
        "encoding": 0,
        "message": message.text,
        "recipients": [{"recipient_id": 1, "dest_addr": message.phone.international()}],
    });
    read_answer(&account.call(account.post("/v1/send").json(&body)).await?)
}

pub(super) async fn check(account: &Account) -> Result<String, String> {
    let call = account.get("/public/v1/vendors/balance");
    account
        .check(call, |body| body.pointer("/data/credit_balance"))
        .await
}

fn read_answer(answer: &HttpAnswer) -> Result<Accepted, SmsError> {
    // Errors come inside `data`, with a status that is not 200.
    let body = match &answer.body["data"] {
        data if data.is_object() => data,
        _ => &answer.body,
    };
    let Some(code) = scalar(&body["code"]) else {
        return answer.unclear();
    };
    let message = word_in(&body["message"]);
    // Accepted as a request, with our only phone among the invalid ones.
    let is_invalid = count(&body["valid"]) == Some(0_u64) && count(&body["invalid"]) > Some(0_u64);
    Err(match code.as_str() {
        "100" if body["successful"] == false => {
            answer.later(format_args!("did not succeed: {message}"))
        }
        "100" if is_invalid => answer.never("refused: the phone is invalid"),
        "100" if answer.is_success() => {
            return Ok(Accepted {
                message_id: scalar(&body["request_id"]),
                ..Accepted::default()
            });
        }
        "100" => answer.error(),
        "101" => answer.never("refused: the phone is invalid (101)"),
        "102" => answer.later("has no balance left (102)"),
        "103" => answer.later("ran out of time (103)"),
        "106" => answer.later("has no route (106)"),
        "107" | "108" => answer.refused_credentials(),
        other => answer.later(format_args!("answered {}: {message}", word(other))),
    })
}
