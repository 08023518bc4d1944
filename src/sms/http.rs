//! What the providers have in common: one HTTP client with time-outs, answers that may be
//! anything, and sentences about them that repeat nothing private.

use std::time::Duration;

use reqwest::{RequestBuilder, Response, redirect, retry};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::Url;

use super::{CarrierError, SmsError, Taken};
use crate::config::SmsConfig;
use crate::domain::people::secret::Secret;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const BODY_BYTES_MAX: usize = 64 * 1024;
const USER_AGENT: &str = concat!("malipo/", env!("CARGO_PKG_VERSION"));
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
    /// For sentences.
    provider: &'static str,
}

/// An answer.
pub(super) struct Heard {
    pub status: u16,
    /// Or why it could not be read to its end.
    body: Result<Vec<u8>, &'static str>,
    provider: &'static str,
}

impl Http {
    /// To `default_url`, unless the configuration names another place.
    pub(super) fn new(
        config: &SmsConfig,
        provider: &'static str,
        default_url: &str,
    ) -> Result<Self, CarrierError> {
        // Err only says that somebody installed one before us, and then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base_url = config
            .base_url
            .clone()
            .unwrap_or_else(|| Url::parse(default_url).expect("a constant URL"));
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(config.timeout())
            // Credentials go nowhere else, and one attempt sends once.
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy();
        let builder = match base_url.scheme() {
            "https" => builder,
            // Plain http must also work where no CA certificates are.
            _ => builder.tls_certs_only([]),
        };
        Ok(Self {
            client: builder.build().map_err(CarrierError::Build)?,
            base_url,
            provider,
        })
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.below(path))
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.below(path))
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        url
    }

    /// Makes a call and reads its answer as far as it goes. The status counts also if the body
    /// breaks off.
    pub(super) async fn hear(&self, call: RequestBuilder) -> Result<Heard, SmsError> {
        let answered = call.send().await;
        let response = answered.map_err(|error| later(self.provider, why(&error)))?;
        Ok(Heard {
            status: response.status().as_u16(),
            body: read_body(response).await,
            provider: self.provider,
        })
    }
}

/// Piece by piece, because a length that is announced need not be true.
async fn read_body(mut response: Response) -> Result<Vec<u8>, &'static str> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| why(&error))? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err("gave an answer that is too large");
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
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

impl Heard {
    /// The body as JSON of this shape, whatever the status; `None` for anything else.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(self.body.as_ref().ok()?).ok()
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What is to be said when the body says nothing.
    pub(super) fn fault(&self) -> SmsError {
        match self.status {
            401 | 403 => self.refused_credentials(),
            200..=299 => later(self.provider, self.unreadable()),
            status => later(self.provider, &format!("answered {status}")),
        }
    }

    fn unreadable(&self) -> &'static str {
        let broken_off = self.body.as_ref().err();
        broken_off
            .copied()
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
        let Some(answer) = self.json::<Map<String, Value>>() else {
            return Ok(());
        };
        let says_no = |name: &&str| match answer.get(*name) {
            Some(Value::Bool(yes)) => !yes,
            Some(Value::String(text)) => NO.iter().any(|no| text.trim().eq_ignore_ascii_case(no)),
            _ => false,
        };
        let holds_error = |name: &&str| match answer.get(*name) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(errors)) => !errors.is_empty(),
            Some(Value::Bool(true) | Value::Number(_) | Value::Object(_)) => true,
        };
        if !YES_OR_NO.iter().any(says_no) && !ERRORS.iter().any(holds_error) {
            return Ok(());
        }
        let why = ["message", "error"]
            .into_iter()
            .find_map(|name| answer.get(name).and_then(scalar));
        let why = word(&why.unwrap_or_default());
        Err(later(self.provider, &format!("refused: {why}")))
    }

    pub(super) fn refused_credentials(&self) -> SmsError {
        later(self.provider, "refuses the credentials")
    }
}

/// A sentence about the provider.
pub(super) fn later(provider: &str, what: &str) -> SmsError {
    SmsError::Later(format!("{provider} {what}"))
}

/// A sentence about this message.
pub(super) fn never(provider: &str, what: &str) -> SmsError {
    SmsError::Never(format!("{provider} {what}"))
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

/// A balance, as the provider writes it.
pub(super) fn figure(value: &Value) -> String {
    let text = scalar(value).unwrap_or_else(|| "not told".to_owned());
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | ',' | '-');
    text.chars().filter(is_plain).take(24).collect()
}

/// Numbers may be strings, and strings numbers. Without control characters, of which PostgreSQL
/// refuses NUL.
pub(super) fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A text that the configuration must have.
pub(super) fn required<T: Clone>(value: Option<&T>, key: &'static str) -> Result<T, CarrierError> {
    value.cloned().ok_or(CarrierError::Missing(key))
}

/// Name and password, for HTTP's Basic scheme (RFC 7617).
pub(super) struct Basic {
    pub name: Secret,
    pub password: Secret,
}

impl Basic {
    pub(super) fn sign(&self, call: RequestBuilder) -> RequestBuilder {
        call.basic_auth(self.name.expose(), Some(self.password.expose()))
    }
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
