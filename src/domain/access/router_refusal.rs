//! Why a router did not let a guest in, by the text on its log-in page.
//!
//! The texts are those of RouterOS (`errors.txt` in the hotspot's folder), of FreeRADIUS, and of our
//! own `deploy/freeradius/radiusd.conf`. An owner may have changed or translated them.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// A reason that a guest can do something about. Its name is in our own links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum RouterRefusal {
    /// The time of the voucher is used up.
    TimeOver,
    /// The data of the voucher is used up.
    DataOver,
    /// As many devices as are allowed use the voucher.
    TooManyDevices,
    /// The code does not exist, is closed, or was mistyped.
    UnknownCode,
    /// FreeRADIUS or its database does not answer.
    CannotCheck,
    /// The router wants an answer to a challenge, which needs a script.
    NeedsScript,
    /// The log-in page was open for so long that the router does not take its answer.
    TooLate,
    /// The router is busy, full or stopping.
    RouterBusy,
    /// Any other text.
    Other,
}

/// Parts of the texts, in lower case, and what each means. The first that fits counts.
const TEXTS: [(&str, RouterRefusal); 18] = [
    ("time of this voucher is over", RouterRefusal::TimeOver),
    ("uptime limit", RouterRefusal::TimeOver),
    ("data of this voucher is used up", RouterRefusal::DataOver),
    ("traffic limit", RouterRefusal::DataOver),
    (
        "no more sessions are allowed",
        RouterRefusal::TooManyDevices,
    ),
    ("already logged in", RouterRefusal::TooManyDevices),
    ("code was not accepted", RouterRefusal::UnknownCode),
    ("invalid username", RouterRefusal::UnknownCode),
    ("invalid password", RouterRefusal::UnknownCode),
    ("cannot be checked", RouterRefusal::CannotCheck),
    (
        "radius server is not responding",
        RouterRefusal::CannotCheck,
    ),
    ("radius timeout", RouterRefusal::CannotCheck),
    ("challenge response", RouterRefusal::NeedsScript),
    ("already authorizing", RouterRefusal::RouterBusy),
    ("session limit reached", RouterRefusal::RouterBusy),
    ("no more free addresses", RouterRefusal::RouterBusy),
    ("shutting down", RouterRefusal::RouterBusy),
    ("internal error", RouterRefusal::RouterBusy),
];

impl RouterRefusal {
    /// What this text of a router means; `None` for an empty one.
    pub fn of_text(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let known = TEXTS.iter().find(|(part, _)| text.contains(part));
        (!text.is_empty()).then(|| known.map_or(Self::Other, |(_, refusal)| *refusal))
    }

    /// The name in our own links.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_routeros_and_freeradius_are_known() {
        use RouterRefusal as R;
        for (text, refusal) in [
            ("user K7QMX2PA has reached uptime limit", R::TimeOver),
            ("user K7QMX2PA has reached traffic limit", R::DataOver),
            (
                "no more sessions are allowed for user K7QMX2PA",
                R::TooManyDevices,
            ),
            (
                "\r\nYou are already logged in 2 times  - access denied",
                R::TooManyDevices,
            ),
            ("invalid username or password", R::UnknownCode),
            (
                "invalid username (AA:BB): this MAC address is not yours",
                R::UnknownCode,
            ),
            ("RADIUS server is not responding", R::CannotCheck),
            (
                "web browser did not send challenge response (try again, enable JavaScript)",
                R::NeedsScript,
            ),
            ("already authorizing, retry later", R::RouterBusy),
            ("session limit reached (4)", R::RouterBusy),
            (
                "cannot assign ip address - no more free addresses from pool",
                R::RouterBusy,
            ),
            ("hotspot service is shutting down", R::RouterBusy),
            ("internal error (unknown)", R::RouterBusy),
            ("<script>x()</script>", R::Other),
        ] {
            assert_eq!(R::of_text(text), Some(refusal), "{text}");
        }
        assert_eq!(R::of_text(" \n"), None);
    }

    #[test]
    fn every_message_of_our_freeradius_is_known() {
        let config = include_str!("../../../deploy/freeradius/radiusd.conf");
        let messages = config.lines().filter_map(|line| {
            let message = line.trim().strip_prefix("&Reply-Message := \"")?;
            Some(message.trim_end_matches('"'))
        });
        let messages: Vec<_> = messages.collect();

        assert!(messages.len() >= 4, "{messages:?}");
        for message in messages {
            let refusal = RouterRefusal::of_text(message);
            assert_ne!(refusal, Some(RouterRefusal::Other), "{message}");
        }
    }

    #[test]
    fn each_name_is_read_back() {
        for refusal in RouterRefusal::VARIANTS {
            assert_eq!(refusal.name().parse::<RouterRefusal>(), Ok(*refusal));
        }
    }
}
