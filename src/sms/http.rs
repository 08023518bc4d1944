//! What the providers have in common: an account, how a request is sent, and sentences about the
//! answer that repeat nothing private.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::Value;
use url::Url;

use super::message::{Accepted, SmsError};
use crate::config::SmsConfig;
use crate::domain::clean_text::clean;
use crate::domain::people::Secret;
use crate::http_client::{self, CallError, below};

/// The `Accept` header for providers that can also answer in another format.
pub(super) const JSON: &str = "application/json";
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Characters kept of a provider's own word.
const WORD_CHARS: usize = 60;
/// Fields in which an answer of any shape may refuse, by a word or by `false`.
const YES_OR_NO: [&str; 3] = ["status", "success", "successful"];
const NO: [&str; 6] = ["error", "failed", "fail", "false", "rejected", "invalid"];
/// Fields that mean a refusal unless they are null, `false`, an empty text or an empty list.
const ERRORS: [&str; 3] = ["error", "errors", "requestError"];

/// The account at a provider, and how the provider is called.
pub struct Account {
    client: reqwest::Client,
    base_url: Url,
    auth: Auth,
    /// The provider's name in sentences.
    provider: &'static str,
    pub(super) sender_id: Option<String>,
    pub(super) username: Option<String>,
}

/// How a request proves which account it is for.
pub(super) enum Auth {
    /// In a header of this name.
    Header(&'static str, Secret),
    /// Name and password, by HTTP's Basic scheme (RFC 7617).
    Basic(Secret, Secret),
}

/// An answer.
pub(super) struct HttpAnswer {
    pub status: u16,
    /// Null if the body is not JSON.
    pub body: Value,
    /// Why the body could not be read to its end.
    broken_off: Option<CallError>,
    provider: &'static str,
}

impl Account {
    /// At `default_url`, unless the configuration names another place.
    pub(super) fn new(
        config: &SmsConfig,
        provider: &'static str,
        default_url: &str,
        auth: Auth,
    ) -> reqwest::Result<Arc<Self>> {
        let base_url = config.base_url.clone();
        let base_url = base_url.unwrap_or_else(|| Url::parse(default_url).expect("a constant URL"));
        let client = http_client::builder(base_url.scheme())
            .timeout(Duration::from_millis(config.timeout_ms))
            .build()?;
        Ok(Arc::new(Self {
            client,
            base_url,
            auth,
            provider,
            sender_id: config.sender_id.clone(),
            username: config.username.clone(),
        }))
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.authenticate(self.client.get(below(&self.base_url, path)))
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.authenticate(self.client.post(below(&self.base_url, path)))
    }

    fn authenticate(&self, call: RequestBuilder) -> RequestBuilder {
        match &self.auth {
            Auth::Header(name, key) => call.header(*name, key.expose()),
            Auth::Basic(name, password) => call.basic_auth(name.expose(), Some(password.expose())),
        }
    }

    /// Makes a call. The answer's status counts also if its body breaks off.
    pub(super) async fn call(&self, call: RequestBuilder) -> Result<HttpAnswer, SmsError> {
        let provider = self.provider;
        let answer = http_client::call(call, BODY_BYTES_MAX).await;
        let answer = answer.map_err(|error| later(provider, error))?;
        Ok(HttpAnswer {
            status: answer.status,
            broken_off: answer.body.as_ref().err().copied(),
            body: serde_json::from_slice(&answer.body.unwrap_or_default()).unwrap_or_default(),
            provider,
        })
    }

    /// Asks for the balance, which shows whether the credentials are accepted. `read` finds it in
    /// the answer.
    pub(super) async fn check(
        &self,
        call: RequestBuilder,
        read: fn(&Value) -> Option<&Value>,
    ) -> Result<String, String> {
        let answer = self.call(call).await.map_err(|error| error.to_string())?;
        let error = match read(&answer.body) {
            Some(_) if answer.is_success() && answer.body["success"] == false => {
                answer.refused_credentials()
            }
            Some(balance) if answer.is_success() => {
                let (name, balance) = (self.provider, figure(balance));
                return Ok(format!("{name} knows the credentials; balance {balance}"));
            }
            _ => answer.error(),
        };
        Err(error.to_string())
    }
}

impl HttpAnswer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Another attempt may succeed; `what` follows the provider's name.
    pub(super) fn later(&self, what: impl Display) -> SmsError {
        later(self.provider, what)
    }

    /// This message will never be taken.
    pub(super) fn never(&self, what: impl Display) -> SmsError {
        SmsError::Never(format!("{} {what}", self.provider))
    }

    /// The error of an answer whose body says nothing.
    pub(super) fn error(&self) -> SmsError {
        match self.status {
            401 | 403 => self.refused_credentials(),
            200..=299 => self.later(self.unreadable()),
            status => self.later(format_args!("answered {status}")),
        }
    }

    pub(super) fn refused_credentials(&self) -> SmsError {
        self.later("refuses the credentials")
    }

    fn unreadable(&self) -> String {
        let what = self.broken_off.map(|error| error.to_string());
        what.unwrap_or_else(|| "gave an answer that is not readable".to_owned())
    }

    /// The result of an answer whose body has no shape that we know. A 2xx without an explicit refusal
    /// means taken: an SMS that is sent ten times is worse than one that a person sends again.
    pub(super) fn unclear(&self) -> Result<Accepted, SmsError> {
        self.unclear_because(self.unreadable())
    }

    /// The same, with the part of the answer that is not known.
    pub(super) fn unclear_because(&self, what: impl Display) -> Result<Accepted, SmsError> {
        if !self.is_success() {
            return Err(self.error());
        }
        self.check_refusal()?;
        Ok(Accepted {
            unclear: Some(format!("{} {what}", self.provider)),
            ..Accepted::default()
        })
    }

    /// Finds an explicit refusal in an object of any shape.
    ///
    /// # Errors
    /// If there is one.
    pub(super) fn check_refusal(&self) -> Result<(), SmsError> {
        let says_no = |name: &&str| match &self.body[*name] {
            Value::Bool(yes) => !yes,
            Value::String(text) => NO.iter().any(|no| text.trim().eq_ignore_ascii_case(no)),
            _ => false,
        };
        let has_error = |name: &&str| match &self.body[*name] {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(errors) => !errors.is_empty(),
            Value::Bool(true) | Value::Number(_) | Value::Object(_) => true,
        };
        if !YES_OR_NO.iter().any(says_no) && !ERRORS.iter().any(has_error) {
            return Ok(());
        }
        let why = scalar(&self.body["message"]).or_else(|| scalar(&self.body["error"]));
        let why = word(&why.unwrap_or_default());
        Err(self.later(format_args!("refused: {why}")))
    }
}

fn later(provider: &str, what: impl Display) -> SmsError {
    SmsError::Later(format!("{provider} {what}"))
}

/// The item of a list that is about our message: the one that has our value in `field`, or the only
/// one.
pub(super) fn ours<'a>(items: &'a Value, field: &str, our_value: &str) -> Option<&'a Value> {
    match items.as_array()?.as_slice() {
        [only] => Some(only),
        items => (items.iter()).find(|item| scalar(&item[field]).as_deref() == Some(our_value)),
    }
}

/// A provider's own word, without what may be private in it: long runs of digits may be a
/// phone.
pub(super) fn word(text: &str) -> String {
    let mut kept = String::new();
    let mut digits = 0;
    for c in text.trim().chars().take(WORD_CHARS) {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        match c {
            _ if digits > 4 => kept.push('#'),
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '_' | '-' | '.' | ',' => kept.push(c),
            _ => kept.push(' '),
        }
    }
    kept
}

/// The word in a field, which may be missing.
pub(super) fn word_in(value: &Value) -> String {
    word(&scalar(value).unwrap_or_default())
}

/// A balance, as the provider writes it.
fn figure(value: &Value) -> String {
    let text = scalar(value).unwrap_or_else(|| "unknown".to_owned());
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | ',' | '-');
    text.chars().filter(is_plain).take(24).collect()
}

/// Numbers may be strings, and strings numbers. Without control characters, of which PostgreSQL
/// refuses NUL.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => clean(text, usize::MAX),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A number, which may be a string.
pub(super) fn count<T: FromStr>(value: &Value) -> Option<T> {
    scalar(value)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_no_phone() {
        assert_eq!(word("REJECTED_DESTINATION"), "REJECTED_DESTINATION");
        assert_eq!(
            word("bad number +255712345678!"),
            "bad number  2557######## "
        );
        assert_eq!(word(&"x".repeat(500)).len(), WORD_CHARS);
    }

    #[test]
    fn a_value_has_no_character_that_a_database_refuses() {
        for (sent, read) in [
            (Value::from(" 7\0a "), Some("7a")),
            (Value::from(7), Some("7")),
            (Value::from("\0"), None),
            (Value::Null, None),
        ] {
            assert_eq!(scalar(&sent).as_deref(), read, "{sent}");
        }
    }
}
