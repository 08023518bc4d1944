//! The URL of a database, in the form that the libraries read.

use serde::{Deserialize, Deserializer};

use crate::domain::people::Secret;

pub(super) fn database_url<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    let url = Secret::deserialize(from)?;
    Ok(Secret::new(usual_form(url.expose())))
}

/// The URL of a database in the one form that the libraries read: they do not know `postgresql://`, nor
/// libpq's `postgres://USER@/DATABASE` for a local socket, because a URL has no user without a host.
pub fn usual_form(url: &str) -> String {
    let postgres = ["postgresql://", "postgres://"];
    let Some(rest) = postgres.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        return url.to_owned();
    };
    let socket = rest
        .split_once("@/")
        .filter(|(user, _)| !user.contains(['/', '?']));
    let Some((user, database)) = socket else {
        return format!("postgres://{rest}");
    };
    // In a query, a plus is a space.
    let user = user.replace('+', "%2B").replace('&', "%26");
    let user = match user.split_once(':') {
        None => format!("user={user}"),
        Some((user, password)) => format!("user={user}&password={password}"),
    };
    let join = if database.contains('?') { '&' } else { '?' };
    format!("postgres:///{database}{join}{user}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_database_url_is_read() {
        for (written, read) in [
            ("postgres://u@/shop", "postgres:///shop?user=u"),
            (
                "postgresql://u:a+b%40c@/shop?host=/run/pg",
                "postgres:///shop?host=/run/pg&user=u&password=a%2Bb%40c",
            ),
            (
                "postgresql://u@localhost/shop",
                "postgres://u@localhost/shop",
            ),
            (
                "postgres://localhost/shop?user=u@/x",
                "postgres://localhost/shop?user=u@/x",
            ),
            ("sqlite://u@/shop", "sqlite://u@/shop"),
        ] {
            assert_eq!(usual_form(written), read, "{written}");
        }
    }
}
