//! Combines the sources, and turns the library's errors into one sentence that repeats no value: it
//! may be a secret.

use std::ffi::OsString;
use std::path::Path;

use config::builder::DefaultState;
use config::{
    ConfigBuilder, Environment, File, FileFormat, FileSourceFile, Map, Source, Value, ValueKind,
};

use super::sections::Config;
use super::shown::Origin;
use super::values::{ConfigError, is_blank};

/// Read without `--config`, if it is there.
const FILE: &str = "config.toml";
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
    // Texts stay texts: a key of digits alone must keep its zeros.
    let environment = Environment::with_prefix("MALIPO")
        .prefix_separator("__")
        .separator("__")
        .source(Some(ours(variables)?));
    let sources = config::Config::builder().add_source(file(path));
    let values = collect(sources.add_source(environment))?;
    serde_path_to_error::deserialize(Value::new(None, values)).map_err(|error| {
        let key = error.path().to_string();
        ConfigError::of(&key, sentence(&error.into_inner()))
    })
}

/// Where the value of each key comes from, in the order of the keys.
///
/// # Errors
/// As [`load`].
pub(super) fn origins(
    path: Option<&Path>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<Origin>, ConfigError> {
    let variables = ours(variables)?;
    let in_file = collect(config::Config::builder().add_source(file(path)))?;
    let is_in_file = |key: &str| {
        let (section, name) = key.split_once('.').unwrap_or_default();
        let section = in_file.get(section).map(|section| &section.kind);
        matches!(section, Some(ValueKind::Table(keys)) if keys.contains_key(name))
    };
    let origin = |key: &String| match variables.keys().find(|name| key_of(name) == *key) {
        Some(name) => Origin::Variable(name.clone()),
        None if is_in_file(key) => Origin::File(path.unwrap_or(Path::new(FILE)).to_owned()),
        None => Origin::Default,
    };
    Ok(Config::keys().iter().map(origin).collect())
}

fn file(path: Option<&Path>) -> File<FileSourceFile, FileFormat> {
    let file = File::from(path.unwrap_or(Path::new(FILE)));
    file.format(FileFormat::Toml).required(path.is_some())
}

/// The values of the sources, without those that are set to nothing.
fn collect(sources: ConfigBuilder<DefaultState>) -> Result<Map<String, Value>, ConfigError> {
    let merged = sources.build().and_then(|merged| merged.collect());
    let mut values = merged.map_err(|error| {
        let text = error.to_string();
        // After the first line the library shows the file.
        let line = text.lines().next().unwrap_or_default();
        ConfigError(format!("configuration cannot be read: {line}"))
    })?;
    tidy(&mut values, "", &Config::keys());
    Ok(values)
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
        let key = key_of(&name);
        if !known.contains(&key) {
            check_underscores(&name)?;
        }
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

/// The key that one of our variables names.
fn key_of(variable: &str) -> String {
    variable[PREFIX.len()..].to_lowercase().replace("__", ".")
}

/// Rejects a variable that names a key except for its underscores: it would be ignored silently, or
/// refused without the right spelling.
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
