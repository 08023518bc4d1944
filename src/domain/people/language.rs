//! The two languages of our guests.

use strum::{EnumString, IntoStaticStr};

/// A language of pages and SMS. Swahili is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr)]
pub enum Language {
    /// Kiswahili.
    #[default]
    #[strum(serialize = "sw")]
    Swahili,
    /// English.
    #[strum(serialize = "en")]
    English,
}

impl Language {
    /// `sw` or `en`, as in BCP 47.
    pub fn tag(self) -> &'static str {
        self.into()
    }

    /// The other of the two.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Swahili => Self::English,
            Self::English => Self::Swahili,
        }
    }

    /// Reads a stored tag; any tag but English is Swahili.
    pub fn from_tag(tag: &str) -> Self {
        tag.parse().unwrap_or_default()
    }

    /// Chooses by `Accept-Language` (RFC 9110, section 12.5.4): the one of our two with the
    /// higher weight, and Swahili when the header names neither.
    pub fn from_accept_language(header: &str) -> Self {
        let weight = |language: &str| {
            header
                .split(',')
                .filter_map(|range| {
                    let mut parts = range.split(';');
                    let tag = parts.next()?.trim();
                    let primary = tag.split('-').next()?;
                    let weight = parts
                        .find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok())
                        .unwrap_or(1.0);
                    primary.eq_ignore_ascii_case(language).then_some(weight)
                })
                .fold(0.0_f32, f32::max)
        };
        if weight("en") > weight("sw") {
            Self::English
        } else {
            Self::Swahili
        }
    }

    /// Picks the text of this language.
    pub fn pick<'a>(self, swahili: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Swahili => swahili,
            Self::English => english,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_tag_is_read_back_and_picks_its_text() {
        for (language, tag, text) in [
            (Language::Swahili, "sw", "habari"),
            (Language::English, "en", "hello"),
        ] {
            assert_eq!(language.tag(), tag);
            assert_eq!(Language::from_tag(tag), language);
            assert_eq!(language.pick("habari", "hello"), text);
        }
        assert_eq!(Language::from_tag("fr"), Language::Swahili);
    }

    #[test]
    fn the_browser_chooses_the_language_and_swahili_is_the_default() {
        for (header, language) in [
            ("", Language::Swahili),
            ("fr", Language::Swahili),
            ("en", Language::English),
            ("en-GB,en;q=0.9,sw;q=0.8", Language::English),
            ("sw-TZ,sw;q=0.9,en;q=0.8", Language::Swahili),
            ("en;q=0.3, sw;q=0.7", Language::Swahili),
            ("*;q=0.1, EN;q=0.2", Language::English),
            (";;;,,q=", Language::Swahili),
        ] {
            assert_eq!(
                Language::from_accept_language(header),
                language,
                "{header:?}"
            );
        }
    }
}
