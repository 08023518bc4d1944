//! Layers the sources and turns the library's complaints into our one sentence.

use std::path::Path;

use config::{Environment, File, FileFormat};
use serde::{Deserialize, Deserializer};

use super::{Config, ConfigError};
use crate::domain::secret::Secret;

/// Lists that may come from the environment, separated by commas.
const LISTS: [&str; 3] = [
    "server.trusted_proxies",
    "portal.allowed_origins",
    "portal.login_hosts",
];

/// Reads defaults, file and environment, without checking what the values mean.
///
/// # Errors
/// One sentence that names the key.
pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    let environment = LISTS.iter().fold(
        Environment::with_prefix("MALIPO")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .list_separator(","),
        |environment, list| environment.with_list_parse_key(list),
    );
    let file = match path {
        Some(path) => File::from(path).format(FileFormat::Toml),
        None => File::from(Path::new("config.toml"))
            .format(FileFormat::Toml)
            .required(false),
    };
    let sources = config::Config::builder()
        .add_source(file)
        .add_source(environment)
        .build()
        .map_err(|error| ConfigError(format!("configuration cannot be read: {error}")))?;
    serde_path_to_error::deserialize(sources).map_err(|error| {
        let key = error.path().to_string();
        ConfigError(format!(
            "configuration key `{key}`: {}",
            sentence(&error.into_inner())
        ))
    })
}

/// The library adds the origin and the key in words of its own; the first clause says it.
fn sentence(error: &config::ConfigError) -> String {
    let text = error.to_string();
    text.split(" for key ").next().unwrap_or(&text).to_owned()
}

pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::new)
}

pub(super) fn optional_secret<'de, D>(from: D) -> Result<Option<Secret>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = Option::<String>::deserialize(from)?;
    Ok(text.filter(|text| !text.trim().is_empty()).map(Secret::new))
}
