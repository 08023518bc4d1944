//! What is sold.

use chrono::TimeDelta;
use serde::Serialize;
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;

use super::Tzs;
use crate::domain::people::Language;

/// When the time of a voucher begins to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Validity {
    /// From the commit of the sale.
    Purchase,
    /// From the first log-in; FreeRADIUS counts it.
    FirstLogin,
}

impl Validity {
    /// `purchase` or `first_login`, as in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Reads the stored word; `None` for any other.
    pub fn read(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

/// What the guest gets for the money: the part of a package that is copied into the order, so that a
/// later change of the package does not change what was sold. JSON names it in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Terms {
    /// The short name, as in `daily`; also the RADIUS group.
    pub code: String,
    /// The name in Swahili.
    #[serde(skip)]
    pub name_sw: String,
    /// The name in English.
    #[serde(skip)]
    pub name_en: String,
    /// How long it lasts, in minutes.
    pub duration_minutes: i32,
    /// When that time begins.
    pub validity: Validity,
    /// The data volume, both ways together, in MiB; null means no limit.
    pub data_limit_mb: Option<i32>,
    /// Towards the guest, in kbit/s.
    pub download_kbps: i32,
    /// From the guest, in kbit/s.
    pub upload_kbps: i32,
    /// How many devices may be on-line at once.
    pub shared_devices: i32,
}

impl Terms {
    /// How long it lasts.
    pub fn duration(&self) -> TimeDelta {
        TimeDelta::minutes(i64::from(self.duration_minutes))
    }

    /// The name in the reader's language.
    pub fn name(&self, language: Language) -> &str {
        language.pick(&self.name_sw, &self.name_en)
    }
}

/// One line of the shop's price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The row's number.
    pub id: i64,
    /// What it costs.
    pub price: Tzs,
    /// What the guest gets.
    pub terms: Terms,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_validity_is_read_back_and_no_other_word_is() {
        for (validity, word) in [
            (Validity::Purchase, "purchase"),
            (Validity::FirstLogin, "first_login"),
        ] {
            assert_eq!(validity.as_str(), word);
            assert_eq!(Validity::read(word), Some(validity));
        }
        assert_eq!(Validity::read("forever"), None);
    }

    #[test]
    fn a_package_has_its_name_in_the_reader_s_language() {
        let terms = Terms {
            code: "daily".to_owned(),
            name_sw: "Siku moja".to_owned(),
            name_en: "One day".to_owned(),
            duration_minutes: 1_440,
            validity: Validity::Purchase,
            data_limit_mb: None,
            download_kbps: 5_120,
            upload_kbps: 2_048,
            shared_devices: 1,
        };

        assert_eq!(terms.name(Language::Swahili), "Siku moja");
        assert_eq!(terms.name(Language::English), "One day");
    }
}
