//! Layers the sources and turns the library's complaints into our one sentence, in which no
//! value is repeated: it may be a secret.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use config::{Environment, File, FileFormat};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::{Config, ConfigError};
use crate::domain::secret::Secret;

/// Reads defaults, file and environment, without checking what the values mean.
///
/// # Errors
/// One sentence that names the key.
pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    let file = match path {
        Some(path) => File::from(path).format(FileFormat::Toml),
        None => File::from(Path::new("config.toml"))
            .format(FileFormat::Toml)
            .required(false),
    };
    // Texts stay texts: a key of digits alone must keep its zeros.
    let environment = Environment::with_prefix("MALIPO")
        .prefix_separator("__")
        .separator("__");
    let sources = config::Config::builder()
        .add_source(file)
        .add_source(environment)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            // Beyond the first line the library shows the file.
            let told = text.lines().next().unwrap_or_default();
            ConfigError(format!("configuration cannot be read: {told}"))
        })?;
    serde_path_to_error::deserialize(sources).map_err(|error| {
        let key = error.path().to_string();
        let fault = error.into_inner();
        ConfigError(format!("configuration key `{key}`: {}", sentence(&fault)))
    })
}

/// The first clause, without the value in it: the library adds the origin and the key in
/// words of its own.
fn sentence(error: &config::ConfigError) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let told = line.split(" for key ").next().unwrap_or_default();
    match (told.find('"'), told.rfind('"')) {
        (Some(from), Some(to)) if from < to => format!("{}…{}", &told[..=from], &told[to..]),
        _ => told.to_owned(),
    }
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

/// A list, or in the environment its items separated by commas.
pub(super) fn list<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Items(Vec<String>),
        Text(String),
    }
    let items = match Either::deserialize(from)? {
        Either::Items(items) => items,
        Either::Text(text) => text.split(',').map(str::to_owned).collect(),
    };
    items
        .iter()
        .map(|item| item.trim())
        .filter(|item| !item.is_empty())
        .map(|item| item.parse().map_err(D::Error::custom))
        .collect()
}
