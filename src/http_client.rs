//! The HTTP calls that this process makes: one kind of client, and answers with a limit.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{AGE, DATE};
use reqwest::{ClientBuilder, RequestBuilder, Response, redirect, retry};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use url::Url;

const USER_AGENT: &str = concat!("malipo/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than the time for which common servers keep an idle connection: one that they close
/// during a push would leave the push unknown.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// An answer's status, and its body if the whole of it arrived.
#[derive(Debug)]
pub struct Answer {
    /// As in 200.
    pub status: u16,
    /// The server's time; `None` if a cache may have kept the answer.
    pub date: Option<DateTime<Utc>>,
    /// At most as long as the caller reads.
    pub body: Result<Vec<u8>, CallError>,
}

/// Why a call has no answer, or no whole body: a text that follows the server's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No connection could be opened, so nothing was sent.
    #[error("cannot be reached")]
    Unreachable,
    /// The request may have been sent.
    #[error("did not answer in time")]
    TimedOut,
    /// The connection failed before the whole answer arrived.
    #[error("hung up before its whole answer arrived")]
    Broken,
    /// Longer than the caller reads.
    #[error("gave an answer that is too large")]
    TooLarge,
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        // Tested first, because a connection that took too long to open is also a time-out, but
        // nothing was sent.
        if error.is_connect() {
            Self::Unreachable
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Broken
        }
    }
}

/// Builds a client that sends each request once, and only to the server in its URL: a redirect would
/// send credentials to another server, and a retry might charge a phone twice.
pub fn builder(scheme: &str) -> ClientBuilder {
    // An error only means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .dns_resolver(Arc::new(Names::new(addresses_of)))
        .no_proxy();
    match scheme {
        "https" => builder,
        // Plain http, as in the sandbox, must also work where there are no CA certificates.
        _ => builder.tls_certs_only([]),
    }
}

/// Names looked up at once by a client.
const LOOK_UPS_MAX: usize = 4;

type LookUp = fn(&str) -> io::Result<Vec<SocketAddr>>;

/// Looks names up. The system's look-up goes on when its call has given up, and holds a thread and a file until
/// the name server answers; so the next calls wait for a place, for as long as they wait for a connection.
struct Names {
    look_up: LookUp,
    places: Arc<Semaphore>,
}

impl Names {
    fn new(look_up: LookUp) -> Self {
        let places = Arc::new(Semaphore::new(LOOK_UPS_MAX));
        Self { look_up, places }
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (look_up, places) = (self.look_up, self.places.clone());
        Box::pin(async move {
            let place = places.acquire_owned().await?;
            let found = spawn_blocking(move || {
                let _place = place;
                look_up(name.as_str())
            });
            Ok(Box::new(found.await??.into_iter()) as Addrs)
        })
    }
}

fn addresses_of(name: &str) -> io::Result<Vec<SocketAddr>> {
    // The caller puts the port of the URL in place of 0.
    Ok((name, 0).to_socket_addrs()?.collect())
}

/// Makes a call and reads its answer, at most `bytes_max` of its body.
///
/// # Errors
/// [`CallError`] when there is no answer. A body that breaks off leaves the status valid.
pub async fn call(request: RequestBuilder, bytes_max: usize) -> Result<Answer, CallError> {
    let response = request.send().await?;
    Ok(answer(response, bytes_max).await)
}

/// Reads an answer, at most `bytes_max` of its body.
pub async fn answer(response: Response, bytes_max: usize) -> Answer {
    Answer {
        status: response.status().as_u16(),
        date: date(&response),
        body: read_body(response, bytes_max).await,
    }
}

/// `Date`, in the form of RFC 9110.
fn date(response: &Response) -> Option<DateTime<Utc>> {
    let text = |name| response.headers().get(name)?.to_str().ok();
    let date = DateTime::parse_from_rfc2822(text(DATE)?).ok()?;
    text(AGE)
        .is_none_or(|age| age.trim() == "0")
        .then(|| date.to_utc())
}

/// Reads in pieces, because the announced length may be wrong.
async fn read_body(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > bytes_max {
            return Err(CallError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The URL of a path below a base, which may end in a path of its own.
pub fn below(base_url: &Url, path: &str) -> Url {
    let mut url = base_url.clone();
    url.set_path(&format!("{}{path}", base_url.path().trim_end_matches('/')));
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// The address by which this machine reaches itself.
pub fn local_url(address: SocketAddr) -> Url {
    let host = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => "127.0.0.1".to_owned(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => "[::1]".to_owned(),
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    };
    Url::parse(&format!("http://{host}:{}", address.port())).expect("an address makes a URL")
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use futures_util::FutureExt;

    use super::*;

    /// Look-ups that have begun, and whether the name server answers.
    static SERVER: (Mutex<(usize, bool)>, Condvar) = (Mutex::new((0, false)), Condvar::new());

    fn when_the_server_answers(name: &str) -> io::Result<Vec<SocketAddr>> {
        let (state, changed) = &SERVER;
        let mut begun = state.lock().unwrap();
        begun.0 += 1;
        changed.notify_all();
        drop(changed.wait_while(begun, |(_, answers)| !*answers).unwrap());
        addresses_of(name)
    }

    #[tokio::test]
    async fn calls_to_a_name_server_that_is_silent_hold_few_threads_after_they_have_given_up() {
        let names = Names::new(when_the_server_answers);
        let look_up = || names.resolve("127.0.0.1".parse().unwrap());

        for _ in 0..10 {
            assert!(look_up().now_or_never().is_none());
        }

        let (state, changed) = &SERVER;
        let begun = state.lock().unwrap();
        let all = changed.wait_while(begun, |(begun, _)| *begun < LOOK_UPS_MAX);
        drop(all.unwrap());
        assert_eq!(names.places.available_permits(), 0);
        state.lock().unwrap().1 = true;
        changed.notify_all();
        let found: Vec<_> = look_up().await.unwrap().collect();
        assert_eq!(found, [SocketAddr::from(([127, 0, 0, 1], 0))]);
    }
}
