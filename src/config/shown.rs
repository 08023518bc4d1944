//! How `malipo config` shows values: as TOML, without what is secret.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::path::PathBuf;

use url::Url;

use super::values::{Confirm, Group, LogFormat, Mode, SmsProvider};
use crate::domain::people::Secret;

/// One key in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As in `server.bind`.
    pub key: String,
    /// As TOML, or a comment in place of a secret; `None` if it is not set and has no default.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is built in.
    Default,
    /// It is in this file.
    File(PathBuf),
    /// It is in this variable of the environment.
    Variable(String),
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// In place of a secret.
const HIDDEN: &str = "\"(hidden)\"";

/// The type of a key.
pub(super) trait Shown {
    /// As TOML; `None` if it is not set.
    fn shown(&self) -> Option<String>;
}

macro_rules! shown {
    ($($type:ty => $show:expr,)*) => {$(
        impl Shown for $type {
            fn shown(&self) -> Option<String> {
                let show: fn(&Self) -> String = $show;
                Some(show(self))
            }
        }
    )*};
}

shown! {
    bool => ToString::to_string,
    u8 => ToString::to_string,
    u32 => ToString::to_string,
    u64 => ToString::to_string,
    usize => ToString::to_string,
    String => quoted,
    SocketAddr => quoted,
    chrono_tz::Tz => quoted,
    Url => |url| quoted(&without_secrets(url.clone())),
    PathBuf => |path| quoted(&path.display()),
    Group => |group| quoted(&group.name),
    Secret => |_| HIDDEN.to_owned(),
    Mode => |word| quoted(&<&str>::from(word)),
    Confirm => |word| quoted(&<&str>::from(word)),
    SmsProvider => |word| quoted(&<&str>::from(word)),
    LogFormat => |word| quoted(&<&str>::from(word)),
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> Option<String> {
        self.as_ref()?.shown()
    }
}

impl<T: Display> Shown for Vec<T> {
    fn shown(&self) -> Option<String> {
        let items: Vec<_> = self.iter().map(quoted).collect();
        Some(format!("[{}]", items.join(", ")))
    }
}

fn quoted(value: &impl Display) -> String {
    format!("{:?}", value.to_string())
}

/// `database.url` is a secret as a whole, and its place is not.
pub(super) fn database(url: &Secret) -> String {
    let url = url.expose();
    if url.starts_with("sqlite:") {
        return quoted(&url);
    }
    Url::parse(url).map_or_else(
        |_| HIDDEN.to_owned(),
        |url| {
            let mut url = without_secrets(url);
            url.set_query(None);
            quoted(&url)
        },
    )
}

fn without_secrets(mut url: Url) -> Url {
    if url.password().is_some() {
        // Fails only for a URL that cannot have a password.
        let _ = url.set_password(Some("hidden"));
    }
    // A provider may take its key there.
    if url.query().is_some() {
        url.set_query(Some("hidden"));
    }
    url
}
