//! The HTTP calls that this process makes: one kind of client, and answers with a limit.

use reqwest::{ClientBuilder, Response, redirect, retry};
use url::Url;

/// What servers are told of us.
const USER_AGENT: &str = concat!("malipo/", env!("CARGO_PKG_VERSION"));

/// Why an answer has no body.
#[derive(Debug)]
pub enum BodyError {
    /// The connection failed before the whole body was here.
    Broken(reqwest::Error),
    /// More than the caller reads.
    TooLarge,
}

/// A client that sends each request once, and only to the server that is named: a redirect would
/// carry credentials elsewhere, and a retry might push or charge twice.
pub fn builder(scheme: &str) -> ClientBuilder {
    // An error only means that a provider is installed already, and then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy();
    match scheme {
        "https" => builder,
        // Plain http, as in the sandbox, must also work where there are no CA certificates.
        _ => builder.tls_certs_only([]),
    }
}

/// Reads a body piece by piece, because a length that is announced need not be true.
///
/// # Errors
/// [`BodyError`] when the body breaks off or is longer than `bytes_max`.
pub async fn read_body(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(BodyError::TooLarge);
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
