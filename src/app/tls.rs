//! Our certificate, for those without a proxy before this server.

use std::path::Path;

use rustls::ServerConfig as Tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::StartError;
use crate::config::{ConfigError, ServerConfig};

/// Reads the certificate and its key; `None` if there is none and we speak plain HTTP.
pub(super) fn read(config: &ServerConfig) -> Result<Option<Tls>, StartError> {
    let (Some(cert), Some(key)) = (&config.tls_cert, &config.tls_key) else {
        return Ok(None);
    };
    // Fails only when the process has one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| complain("server.tls_cert", cert, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| complain("server.tls_key", key, &error))?;
    let tls = Tls::builder()
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| complain("server.tls_cert", cert, &error))?;
    Ok(Some(tls))
}

fn complain(name: &str, path: &Path, error: &dyn std::fmt::Display) -> StartError {
    StartError::Config(ConfigError(format!(
        "configuration key `{name}`: {}: {error}",
        path.display()
    )))
}
