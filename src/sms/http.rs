//! What the providers have in common: how a request is sent, what may come back, and sentences
//! about it that repeat nothing private.

use std::str::FromStr;
use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::Value;
use url::Url;

use super::{CarrierError, SmsError, Taken};
use crate::config::SmsConfig;
use crate::domain::clean_text::clean;
use crate::domain::people::secret::Secret;
use crate::http_client::{self, BodyError, below, read_body};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Characters kept of a provider's own word.
const WORD_CHARS: usize = 60;
/// Where answers of any shape say no: by a word or by `false`, or by an error that they hold.
const YES_OR_NO: [&str; 3] = ["status", "success", "successful"];
const NO: [&str; 6] = ["error", "failed", "fail", "false", "rejected", "invalid"];
const ERRORS: [&str; 3] = ["error", "errors", "requestError"];

/// The way to one provider.
pub(super) struct Http {
    client: reqwest::Client,
    base_url: Url,
    auth: Auth,
    /// For sentences.
    provider: &'static str,
}

/// How a request shows whose account it is for.
pub(super) enum Auth {
    /// In a header of this name.
    Header(&'static str, Secret),
    /// Name and password, by HTTP's Basic scheme (RFC 7617).
    Basic(Secret, Secret),
}

/// An answer.
pub(super) struct HttpAnswer {
    pub status: u16,
    /// Null where the body is no JSON.
    pub body: Value,
    /// Why the body could not be read to its end.
    broken_off: Option<&'static str>,
    provider: &'static str,
}

impl Http {
    /// To `default_url`, unless the configuration names another place.
    pub(super) fn new(
        config: &SmsConfig,
        provider: &'static str,
        default_url: &str,
        auth: Auth,
    ) -> Result<Self, CarrierError> {
        let base_url = config
            .base_url
            .clone()
            .unwrap_or_else(|| Url::parse(default_url).expect("a constant URL"));
        let client = http_client::builder(base_url.scheme())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(config.timeout())
            .build()
            .map_err(CarrierError::Build)?;
        Ok(Self {
            client,
            base_url,
            auth,
            provider,
        })
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.sign(self.client.get(below(&self.base_url, path)))
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.sign(self.client.post(below(&self.base_url, path)))
    }

    fn sign(&self, call: RequestBuilder) -> RequestBuilder {
        match &self.auth {
            Auth::Header(name, key) => call.header(*name, key.expose()),
            Auth::Basic(name, password) => call.basic_auth(name.expose(), Some(password.expose())),
        }
    }

    /// Makes a call and reads its answer as far as it goes. The status counts also if the body
    /// breaks off.
    pub(super) async fn hear(&self, call: RequestBuilder) -> Result<HttpAnswer, SmsError> {
        let answered = call.send().await;
        let response = answered.map_err(|error| later(self.provider, why(&error)))?;
        let status = response.status().as_u16();
        let body = read_body(response, BODY_BYTES_MAX).await;
        Ok(HttpAnswer {
            status,
            broken_off: body.as_ref().err().map(|error| match error {
                BodyError::Broken(error) => why(error),
                BodyError::TooLarge => "gave an answer that is too large",
            }),
            body: serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default(),
            provider: self.provider,
        })
    }

    /// Asks for the balance, which shows whether the credentials are good. `read` finds it in the
    /// answer.
    pub(super) async fn check(
        &self,
        call: RequestBuilder,
        read: fn(&Value) -> Option<&Value>,
    ) -> Result<String, String> {
        let heard = self.hear(call).await.map_err(|error| error.to_string())?;
        let fault = match read(&heard.body) {
            Some(_) if heard.is_success() && heard.body["success"] == false => {
                heard.refused_credentials()
            }
            Some(balance) if heard.is_success() => {
                let (name, balance) = (self.provider, figure(balance));
                return Ok(format!("{name} knows the credentials; balance {balance}"));
            }
            _ => heard.fault(),
        };
        Err(fault.to_string())
    }
}

fn why(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "cannot be reached"
    } else if error.is_timeout() {
        "did not answer in time"
    } else {
        "hung up in the middle of its answer"
    }
}

impl HttpAnswer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Another attempt may succeed: a sentence about the provider.
    pub(super) fn later(&self, what: &str) -> SmsError {
        later(self.provider, what)
    }

    /// This message will never be taken.
    pub(super) fn never(&self, what: &str) -> SmsError {
        SmsError::Never(format!("{} {what}", self.provider))
    }

    /// The error of an answer whose body says nothing.
    pub(super) fn fault(&self) -> SmsError {
        match self.status {
            401 | 403 => self.refused_credentials(),
            200..=299 => self.later(self.unreadable()),
            status => self.later(&format!("answered {status}")),
        }
    }

    fn unreadable(&self) -> &'static str {
        self.broken_off
            .unwrap_or("gave an answer that is not readable")
    }

    /// What an answer means whose body has no shape that we know. A 2xx without a clear no
    /// means taken: a message that is sent ten times is worse than one that a person sends again.
    pub(super) fn unclear(&self) -> Result<Taken, SmsError> {
        self.unclear_because(self.unreadable())
    }

    /// The same, and this is what is not known in it.
    pub(super) fn unclear_because(&self, what: &str) -> Result<Taken, SmsError> {
        if !self.is_success() {
            return Err(self.fault());
        }
        self.no_clear_no()?;
        Ok(Taken {
            unclear: Some(format!("{} {what}", self.provider)),
            ..Taken::default()
        })
    }

    /// Finds a clear no in an object of any shape.
    pub(super) fn no_clear_no(&self) -> Result<(), SmsError> {
        let says_no = |name: &&str| match &self.body[*name] {
            Value::Bool(yes) => !yes,
            Value::String(text) => NO.iter().any(|no| text.trim().eq_ignore_ascii_case(no)),
            _ => false,
        };
        let holds_error = |name: &&str| match &self.body[*name] {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(errors) => !errors.is_empty(),
            Value::Bool(true) | Value::Number(_) | Value::Object(_) => true,
        };
        if !YES_OR_NO.iter().any(says_no) && !ERRORS.iter().any(holds_error) {
            return Ok(());
        }
        let why = scalar(&self.body["message"]).or_else(|| scalar(&self.body["error"]));
        Err(self.later(&format!("refused: {}", word(&why.unwrap_or_default()))))
    }

    pub(super) fn refused_credentials(&self) -> SmsError {
        self.later("refuses the credentials")
    }
}

fn later(provider: &str, what: &str) -> SmsError {
    SmsError::Later(format!("{provider} {what}"))
}

/// Of a list's items the one about our message: the one that says so in `field`, or the only one.
pub(super) fn ours<'a>(items: &'a Value, field: &str, is_ours: &str) -> Option<&'a Value> {
    let items = items.as_array()?;
    match items.as_slice() {
        [only] => Some(only),
        _ => (items.iter()).find(|item| scalar(&item[field]).as_deref() == Some(is_ours)),
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

/// The same of a field, which may be missing.
pub(super) fn said(value: &Value) -> String {
    word(&scalar(value).unwrap_or_default())
}

/// A balance, as the provider writes it.
fn figure(value: &Value) -> String {
    let text = scalar(value).unwrap_or_else(|| "not told".to_owned());
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

/// A text that the configuration must have.
pub(super) fn required<T: Clone>(value: Option<&T>, key: &'static str) -> Result<T, CarrierError> {
    value.cloned().ok_or(CarrierError::Missing(key))
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
