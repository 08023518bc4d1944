//! Combines the sources, and turns the library's errors into one sentence that repeats no value: it
//! may be a secret.

use std::ffi::OsString;
use std::path::Path;

use config::{Environment, File, FileFormat, Map, Source, Value, ValueKind};

use super::sections::Config;
use super::values::{ConfigError, is_blank};

/// The beginning of all our variables.
const PREFIX: &str = "MALIPO__";

/// Reads defaults, file and the environment's variables, without checking what the values mean.
///
/// # Errors
/// One sentence that names the key.
pub(super) fn load(
    path: Option<&Path>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let file = File::from(path.unwrap_or(Path::new("config.toml")));
    let file = file.format(FileFormat::Toml).required(path.is_some());
    // Texts stay texts: a key of digits alone must keep its zeros.
    let environment = Environment::with_prefix("MALIPO")
        .prefix_separator("__")
        .separator("__")
        .source(Some(ours(variables)?));
    let sources = config::Config::builder()
        .add_source(file)
        .add_source(environment);
    let mut values = sources
        .build()
        .and_then(|merged| merged.collect())
        .map_err(|error| {
            let text = error.to_string();
            // After the first line the library shows the file.
            let line = text.lines().next().unwrap_or_default();
            ConfigError(format!("configuration cannot be read: {line}"))
        })?;
    tidy(&mut values, "", &Config::keys());
    serde_path_to_error::deserialize(Value::new(None, values)).map_err(|error| {
        let key = error.path().to_string();
        ConfigError::of(&key, sentence(&error.into_inner()))
    })
}

/// Our variables. Checked here, because the library would print a value that is not UTF-8.
fn ours(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Map<String, String>, ConfigError> {
    let (mut ours, known) = (Map::new(), Config::keys());
    for (name, value) in variables {
        let Ok(name) = name.into_string() else {
            continue;
        };
        if !name.to_uppercase().starts_with(PREFIX) {
            check_underscores(&name)?;
            continue;
        }
        let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
        let Ok(value) = value.into_string() else {
            return Err(ConfigError::of(&key, "is not UTF-8"));
        };
        // A variable that is set to nothing leaves the file's value.
        let is_unset = value.trim_matches(is_blank).is_empty() && known.contains(&key);
        if !is_unset {
            ours.insert(name, value);
        }
    }
    Ok(ours)
}

/// Rejects a variable that is ours except for a missing underscore, which would be ignored silently.
/// Other variables that begin with our name are not ours: Kubernetes sets some for a service of that
/// name.
fn check_underscores(name: &str) -> Result<(), ConfigError> {
    let words = |text: &str| -> Vec<String> {
        let parts = text.split(['_', '.']).filter(|part| !part.is_empty());
        parts.map(str::to_lowercase).collect()
    };
    let mut keys = Config::keys().into_iter();
    let Some(key) = keys.find(|key| words(&format!("malipo.{key}")) == words(name)) else {
        return Ok(());
    };
    let variable = key.to_uppercase().replace('.', "__");
    let what =
        format!("is set by {PREFIX}{variable}, with two underscores each; {name} sets nothing");
    Err(ConfigError::of(&key, what))
}

/// Removes the white space around texts, and the keys that are set to nothing: compose files and
/// editors leave such things behind.
fn tidy(values: &mut Map<String, Value>, section: &str, known: &[String]) {
    values.retain(|name, value| {
        let key = format!("{section}{name}");
        match &mut value.kind {
            ValueKind::Table(inner) => tidy(inner, &format!("{key}."), known),
            ValueKind::String(text) => *text = text.trim_matches(is_blank).to_owned(),
            _ => {}
        }
        // An unknown key stays, to be refused later.
        let is_unset = matches!(&value.kind, ValueKind::String(text) if text.is_empty());
        !(is_unset && known.contains(&key))
    });
}

/// The first clause, without the value in it: the library adds the origin and the key in
/// words of its own.
fn sentence(error: &config::ConfigError) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let clause = line.split(" for key ").next().unwrap_or_default();
    match (clause.find('"'), clause.rfind('"')) {
        (Some(from), Some(to)) if from < to => format!("{}…{}", &clause[..=from], &clause[to..]),
        _ => clause.to_owned(),
    }
}
