//! The configuration itself. What `serve` would refuse has been refused when it was read, so these
//! are the values that are allowed and doubtful.

use std::collections::HashSet;

use crate::config::{Config, Mode};
use crate::domain::health::Finding;
use crate::domain::people::Secret;

/// Live mode refuses a shorter operator token; RFC 2865 (3) wants as much of a RADIUS secret.
const SECRET_MIN: usize = 16;

pub(super) fn config() -> Finding {
    Finding::ok("config", "every key is understood")
}

/// Blanks around secrets are removed and control characters refused when the configuration is read.
/// Live mode also refuses a weak `operator.token`.
pub(super) fn secrets(config: &Config) -> Finding {
    let zenopay = &config.zenopay;
    let keys = [
        ("zenopay.api_key", zenopay.api_key.as_ref()),
        (
            "zenopay.previous_api_key",
            zenopay.previous_api_key.as_ref(),
        ),
        ("operator.token", config.operator.token.as_ref()),
    ];
    for (key, secret) in keys {
        if secret.is_some_and(|secret| secret.expose().contains(char::is_whitespace)) {
            let detail = format!("{key} has a blank inside");
            return Finding::warning("secrets", detail, "Compare it with the original");
        }
    }
    let hint = "`openssl rand -hex 16` makes a good one";
    if config.operator.token.as_ref().is_some_and(is_weak) {
        let detail = "operator.token can be guessed; live mode refuses it";
        return Finding::warning("secrets", detail, hint);
    }
    let radius = [
        ("radius.secret", config.radius.secret.as_ref()),
        ("radius.coa_secret", config.radius.coa_secret.as_ref()),
    ];
    for (key, secret) in radius {
        if secret.is_some_and(is_weak) {
            let detail = format!(
                "{key} can be guessed: it is short, or the example of a manual, and protects each log-in"
            );
            return Finding::warning("secrets", detail, format!("{hint}; set it at both ends"));
        }
    }
    if zenopay.previous_api_key.is_some() && zenopay.previous_api_key == zenopay.api_key {
        let detail = "zenopay.previous_api_key is the same as zenopay.api_key";
        return Finding::warning("secrets", detail, "Remove the previous key");
    }
    Finding::ok("secrets", "no blanks, control characters or weak ones")
}

/// Whether a secret can be guessed. The examples of manuals, as `testing123` and `change-me`, are short.
fn is_weak(secret: &Secret) -> bool {
    let different: HashSet<char> = secret.expose().chars().collect();
    secret.expose().chars().count() < SECRET_MIN || different.len() < 6
}

/// Without its router here, a page shows the code and cannot log the guest in.
pub(super) fn login_hosts(config: &Config) -> Finding {
    let hosts = &config.portal.login_hosts;
    let public = config.server.public_url.as_ref();
    let public = public.and_then(|url| url.host_str());
    if let Some(host) = hosts.iter().find(|host| public == Some(host.as_str())) {
        return Finding::failed(
            "login_hosts",
            format!("{host} is this portal and no router: guests' codes would be sent back here"),
            "Put the router's address or DNS name into portal.login_hosts",
        );
    }
    match (hosts.len(), config.zenopay.mode) {
        (0, Mode::Sandbox) => Finding::skipped("login_hosts", "portal.login_hosts is empty"),
        (0, Mode::Live) => Finding::warning(
            "login_hosts",
            "portal.login_hosts is empty: no page can log a guest in, who must type the code",
            "Put the address or DNS name of each router's log-in page into it; see deploy/mikrotik",
        ),
        _ => Finding::ok("login_hosts", hosts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::CheckStatus;

    #[test]
    fn a_secret_that_is_allowed_and_doubtful_is_a_warning_that_does_not_show_it() {
        let mut config = Config::default();
        assert_eq!(secrets(&config).status, CheckStatus::Ok);
        for (token, what) in [
            ("hush", "guessed"),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", "guessed"),
            ("0123456789abcdef 0123456789", "blank"),
        ] {
            config.operator.token = Some(Secret::new(token));

            let finding = secrets(&config);

            assert_eq!(finding.status, CheckStatus::Warning, "{token}");
            assert!(finding.detail.contains(what), "{}", finding.detail);
            assert!(!format!("{finding:?}").contains(token));
        }
    }

    #[test]
    fn a_radius_secret_of_a_manual_is_a_warning_that_names_its_key() {
        for (secret, expected) in [
            ("testing123", CheckStatus::Warning),
            ("change-me", CheckStatus::Warning),
            ("fifteen-letters", CheckStatus::Warning),
            ("secretsecretsecretsecret", CheckStatus::Warning),
            ("b9e1f0a35c7d2486", CheckStatus::Ok),
        ] {
            for of_coa in [false, true] {
                let mut config = Config::default();
                let (key, place) = match of_coa {
                    false => ("radius.secret", &mut config.radius.secret),
                    true => ("radius.coa_secret", &mut config.radius.coa_secret),
                };
                *place = Some(Secret::new(secret));

                let finding = secrets(&config);

                assert_eq!(finding.status, expected, "{secret}");
                let is_named = finding.detail.contains(key);
                assert_eq!(is_named, expected == CheckStatus::Warning);
                assert!(!format!("{finding:?}").contains(secret));
            }
        }
    }

    #[test]
    fn the_portal_itself_is_no_router() {
        let mut config = Config::default();
        config.server.public_url = Some("https://wifi.example".parse().unwrap());
        let status = |hosts: &[&str], config: &mut Config| {
            config.portal.login_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            login_hosts(config).status
        };

        assert_eq!(status(&["10.5.50.1"], &mut config), CheckStatus::Ok);
        assert_eq!(status(&["wifi.example"], &mut config), CheckStatus::Failed);
        assert_eq!(status(&[], &mut config), CheckStatus::Skipped);
        config.zenopay.mode = Mode::Live;
        assert_eq!(status(&[], &mut config), CheckStatus::Warning);
    }
}
