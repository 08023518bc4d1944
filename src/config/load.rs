//! Layers the sources and turns the library's complaints into our one sentence, in which no
//! value is repeated: it may be a secret.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use config::{Environment, File, FileFormat, Map, Source, Value, ValueKind};
use serde::de::{DeserializeOwned, Error, IntoDeserializer, value};
use serde::{Deserialize, Deserializer};

use super::{Config, ConfigError};
use crate::domain::people::secret::Secret;

/// What every variable of ours begins with.
const PREFIX: &str = "MALIPO__";

/// Reads defaults, file and the environment's variables, without checking what the values mean.
///
/// # Errors
/// One sentence that names the key.
pub(super) fn load(
    path: Option<&Path>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let file = match path {
        Some(path) => File::from(path).format(FileFormat::Toml),
        None => File::from(Path::new("config.toml"))
            .format(FileFormat::Toml)
            .required(false),
    };
    // Texts stay texts: a key of digits alone must keep its zeros.
    let environment = Environment::with_prefix("MALIPO")
        .prefix_separator("__")
        .separator("__")
        .source(Some(ours(variables)?));
    let sources = config::Config::builder()
        .add_source(Tidy(file))
        .add_source(Tidy(environment))
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

/// The variables that are meant for us. The library would show a value that is not Unicode.
fn ours(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Map<String, String>, ConfigError> {
    let mut ours = Map::new();
    for (name, value) in variables {
        let Ok(name) = name.into_string() else {
            continue;
        };
        if !name.to_uppercase().starts_with(PREFIX) {
            is_no_slip(&name)?;
            continue;
        }
        let Ok(value) = value.into_string() else {
            let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
            return Err(ConfigError(format!(
                "configuration key `{key}`: is not UTF-8"
            )));
        };
        ours.insert(name, value);
    }
    Ok(ours)
}

/// A variable that lacks an underscore would be ignored, and nothing would tell. Others of that
/// beginning are not ours: Kubernetes sets some for a service of our name.
fn is_no_slip(name: &str) -> Result<(), ConfigError> {
    let words = |text: &str| -> Vec<String> {
        let parts = text.split(['_', '.']).filter(|part| !part.is_empty());
        parts.map(str::to_lowercase).collect()
    };
    let said = words(name);
    if said.first().map(String::as_str) != Some("malipo") {
        return Ok(());
    }
    match Config::keys().iter().find(|key| words(key) == said[1..]) {
        None => Ok(()),
        Some(key) => Err(ConfigError(format!(
            "configuration key `{key}`: is set by {PREFIX}{}, with two underscores each; {name} sets nothing",
            key.to_uppercase().replace('.', "__")
        ))),
    }
}

/// A source without the white space around its texts, and without the keys that are set to
/// nothing: a compose file and an editor leave such things behind.
#[derive(Clone, Debug)]
struct Tidy<S>(S);

impl<S: Source + Clone + Send + Sync + 'static> Source for Tidy<S> {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        let mut values = self.0.collect()?;
        tidy(&mut values, "", &Config::keys());
        Ok(values)
    }
}

fn tidy(values: &mut Map<String, Value>, section: &str, known: &[String]) {
    values.retain(|name, value| {
        let key = format!("{section}{name}");
        match &mut value.kind {
            ValueKind::Table(inner) => tidy(inner, &format!("{key}."), known),
            ValueKind::String(text) => *text = text.trim_matches(is_blank).to_owned(),
            _ => {}
        }
        // An unknown key stays, to be refused as such.
        let is_unset = matches!(&value.kind, ValueKind::String(text) if text.is_empty());
        !(is_unset && known.contains(&key))
    });
}

/// White space, and the characters without width that editors and web pages leave at an end.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}')
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
    let text = String::deserialize(from)?;
    if text.contains(char::is_control) {
        return Err(D::Error::custom(
            "has a control character inside, such as a line break",
        ));
    }
    Ok(Secret::new(text))
}

pub(super) fn optional_secret<'de, D>(from: D) -> Result<Option<Secret>, D::Error>
where
    D: Deserializer<'de>,
{
    secret(from).map(Some)
}

/// One of the words of an enum.
pub(super) fn word<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let text = String::deserialize(from)?;
    T::deserialize(text.as_str().into_deserializer()).map_err(|error: value::Error| {
        // As in "unknown variant `x`, expected `live` or `sandbox`".
        let told = error.to_string();
        let words = told.rsplit("expected ").next().unwrap_or_default();
        D::Error::custom(format!("must be {words}"))
    })
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
        .map(|item| item.trim_matches(is_blank))
        .filter(|item| !item.is_empty())
        .map(|item| item.parse().map_err(D::Error::custom))
        .collect()
}
