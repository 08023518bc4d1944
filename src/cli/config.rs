//! `malipo config`: what is in force, and where each value comes from.

use std::path::Path;

use super::command::{Done, print};
use crate::config::Config;

/// Prints TOML: a key without a value is a comment, and so is the origin of each value.
pub(super) fn show(config: &Config, path: Option<&Path>) -> Done {
    let (mut section, mut text) = ("", String::new());
    let settings = config.settings(path)?;
    for setting in &settings {
        let (of, name) = setting.key.split_once('.').unwrap_or_default();
        if of != section {
            let space = if section.is_empty() { "" } else { "\n" };
            text += &format!("{space}[{of}]\n");
            section = of;
        }
        let shown = match &setting.value {
            Some(value) => format!("{name} = {value}"),
            None => format!("# {name} is not set"),
        };
        text += &format!("{shown:60} # {}\n", setting.origin);
    }
    Ok(print(text)?)
}
