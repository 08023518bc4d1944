//! A gateway of a few lines that speaks raw HTTP/1.1, so that its answers can be as bad as
//! the real ones.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::config::{Mode, SmsConfig, SmsProvider};
use crate::domain::people::{Phone, Secret};
use crate::sms::{Accepted, Carrier, Message, Receipt, SmsError, carrier};

/// Answers every request in the same way, and remembers them.
pub(super) struct FakeGateway {
    url: url::Url,
    requests: Arc<Mutex<Vec<String>>>,
}

/// What a gateway does with a request.
#[derive(Clone)]
pub(super) enum Does {
    Answer(u16, String),
    /// Announces a longer body than it sends.
    BreakOff(u16, String),
    HangUp,
    Nothing,
}

pub(super) fn says(status: u16, body: &str) -> Does {
    Does::Answer(status, body.to_owned())
}

impl FakeGateway {
    pub(super) fn that(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let fake = Self {
            url: format!("http://127.0.0.1:{port}/base/").parse().unwrap(),
            requests: Arc::default(),
        };
        let requests = fake.requests.clone();
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let Some(request) = read_request(&mut reader) else {
                    continue;
                };
                requests.lock().unwrap().push(request);
                match &does {
                    Does::Answer(status, body) => {
                        let answer = format!(
                            "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        let _ = reader.get_mut().write_all(answer.as_bytes());
                    }
                    Does::BreakOff(status, body) => {
                        let answer = format!(
                            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}",
                            body.len() + 9
                        );
                        let _ = reader.get_mut().write_all(answer.as_bytes());
                    }
                    Does::HangUp => {}
                    Does::Nothing => kept.push(reader),
                }
            }
        });
        fake
    }

    pub(super) fn url(&self) -> &url::Url {
        &self.url
    }

    /// The one request that arrived, with its head in lower case.
    pub(super) fn request(&self) -> (String, String) {
        let requests = self.requests.lock().unwrap();
        assert_eq!(requests.len(), 1, "{requests:?}");
        let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }

    /// A provider that takes this for its gateway.
    pub(super) fn carrier(&self, provider: SmsProvider) -> Carrier {
        let config = SmsConfig {
            provider,
            sender_id: Some("DUKA".to_owned()),
            username: Some("duka".to_owned()),
            password: Some(Secret::new("the-password")),
            api_key: Some(Secret::new("the-key")),
            secret_key: Some(Secret::new("the-secret")),
            base_url: Some(self.url.clone()),
            timeout_ms: 700,
            ..SmsConfig::default()
        };
        carrier(&config, Secret::new("zenopay-key"), Mode::Live).unwrap()
    }
}

const PHONE: &str = "255712345678";
const TEXT: &str = "Duka: Vocha yako ni K7QMX2PA & karibu.";

/// Sends one message and returns the result; no error may contain anything private.
pub(super) async fn send(carrier: &Carrier) -> Result<Accepted, SmsError> {
    let phone = Phone::read(PHONE).unwrap();
    let message = Message {
        phone: &phone,
        text: TEXT,
        reference: "17-voucher",
    };
    let sent = carrier.send(message).await;
    match &sent {
        Ok(taken) => assert_keeps_secrets(taken.unclear.as_deref().unwrap_or_default()),
        Err(error) => assert_keeps_secrets(&error.to_string()),
    }
    sent
}

pub(super) fn assert_keeps_secrets(said: &str) {
    for private in [
        PHONE,
        "712345678",
        "K7QMX2PA",
        "the-password",
        "the-key",
        "the-secret",
    ] {
        assert!(!said.contains(private), "{said}");
    }
}

pub(super) async fn sent(provider: SmsProvider, does: Does) -> Result<Accepted, SmsError> {
    send(&FakeGateway::that(does).carrier(provider)).await
}

pub(super) async fn receipt(
    provider: SmsProvider,
    id: &str,
    does: Does,
) -> Result<Receipt, SmsError> {
    let fake = FakeGateway::that(does);
    fake.carrier(provider).receipt(id).await
}

pub(super) async fn checked(provider: SmsProvider, does: Does) -> Result<String, String> {
    let found = FakeGateway::that(does).carrier(provider).check().await;
    let (Ok(text) | Err(text)) = &found;
    assert_keeps_secrets(text);
    found
}

/// What any gateway may do instead of an answer of its own, and each means "later".
pub(super) async fn assert_bad_days_mean_later(provider: SmsProvider) {
    let html = "<html><body>Bad gateway</body></html>";
    for (case, does, sentence) in [
        ("500", says(500, "oops"), "answered 500"),
        ("HTML with 502", says(502, html), "answered 502"),
        ("429", says(429, ""), "answered 429"),
        (
            "broken off with 500",
            Does::BreakOff(500, "{".to_owned()),
            "answered 500",
        ),
        (
            "401 in plain text",
            says(401, "The supplied authentication is invalid"),
            "refuses the credentials",
        ),
        ("hangs up", Does::HangUp, "hung up"),
        ("hangs", Does::Nothing, "did not answer in time"),
    ] {
        match sent(provider, does).await {
            Err(SmsError::Later(said)) => assert!(said.contains(sentence), "{case}: {said}"),
            other => panic!("{case}: {other:?}"),
        }
    }
    let nowhere = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let gone = FakeGateway {
        url: nowhere.parse().unwrap(),
        requests: Arc::default(),
    };
    match send(&gone.carrier(provider)).await {
        Err(SmsError::Later(said)) => assert!(said.contains("cannot be reached"), "{said}"),
        other => panic!("gone: {other:?}"),
    }
}

/// A 2xx that cannot be read counts as taken, with an alert.
pub(super) async fn assert_an_unreadable_2xx_counts_as_sent(provider: SmsProvider) {
    let html = "<html><body>Well done</body></html>";
    for (case, does, sentence) in [
        ("HTML", says(200, html), "not readable"),
        ("garbage", says(200, "\u{1}{{{"), "not readable"),
        ("empty", says(200, ""), "not readable"),
        ("empty with 202", says(202, ""), "not readable"),
        ("an array", says(200, "[]"), "not readable"),
        ("a text", says(200, "\"OK\""), "not readable"),
        ("a phone", says(200, "255712345678"), "not readable"),
        ("too much", says(200, &"x".repeat(100_000)), "too large"),
        ("broken off", Does::BreakOff(200, "{".to_owned()), "hung up"),
    ] {
        let taken = sent(provider, does).await;
        let taken = taken.unwrap_or_else(|error| panic!("{case}: {error}"));
        let why = taken.unclear.unwrap_or_else(|| panic!("{case}: no alert"));
        assert!(why.contains(sentence), "{case}: {why}");
        assert_eq!((taken.message_id, taken.parts), (None, None), "{case}");
    }
    for (body, why) in [
        (
            r#"{"error":"Insufficient balance"}"#,
            "refused: Insufficient balance",
        ),
        (r#"{"success":false,"message":"Try later"}"#, "Try later"),
        (r#"{"status":"error","message":"Try later"}"#, "Try later"),
    ] {
        match sent(provider, says(200, body)).await {
            Err(SmsError::Later(said)) => assert!(said.contains(why), "{body}: {said}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = (head.lines())
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8(body).unwrap())
}
