//! ZenoPay's own SMS. Documented by ZenoPay: only the request. So an explicit refusal in the answer
//! is a failure, and any other well-formed answer counts as sent: an SMS that is sent ten times is
//! worse than one that an operator sends again.

use std::sync::Arc;

use serde_json::json;

use super::http::{Account, Auth, HttpAnswer, scalar};
use super::message::{Accepted, Message, SmsError};
use crate::config::SmsConfig;
use crate::domain::people::Secret;

/// The result of `malipo check`.
pub(super) const NOT_CHECKED: &str = "ZenoPay SMS has nothing to ask without sending; not checked";

pub(super) fn account(config: &SmsConfig, zenopay_key: Secret) -> reqwest::Result<Arc<Account>> {
    let auth = Auth::Header("x-api-key", config.api_key.clone().unwrap_or(zenopay_key));
    Account::new(config, "ZenoPay SMS", "https://zenoapi.com", auth)
}

pub(super) async fn send(account: &Account, message: Message<'_>) -> Result<Accepted, SmsError> {
    // `255…`, without a plus.
    let body = json!({
        "recipient": message.phone.international(), "message": message.text,
        "sender_id": account.sender_id, "message_type": "alert",
    });
    let call = account.post("/api/sms/send/").json(&body);
    read_answer(&account.call(call).await?)
}

fn read_answer(answer: &HttpAnswer) -> Result<Accepted, SmsError> {
    if !answer.is_success() {
        return Err(answer.error());
    }
    answer.check_refusal()?;
    if !answer.body.is_object() {
        return answer.unclear();
    }
    let names = ["message_id", "messageId", "id"];
    Ok(Accepted {
        message_id: names.iter().find_map(|name| scalar(&answer.body[name])),
        ..Accepted::default()
    })
}
