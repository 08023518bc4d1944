//! Operators, the people who run the hotspots: roles, names, and the pause after failed log-ins.

use chrono::TimeDelta;
use strum::{EnumString, IntoStaticStr};

use crate::domain::pacing::doubled;

/// What an operator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase", const_into_str)]
#[strum(parse_err_ty = NotARole, parse_err_fn = not_a_role)]
pub enum Role {
    /// May read; phones and codes are masked.
    Viewer,
    /// May read everything, and act.
    Admin,
}

impl Role {
    /// `viewer` or `admin`.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Whether an operator of this role may change anything.
    pub const fn may_write(self) -> bool {
        matches!(self, Self::Admin)
    }

    /// Whether an operator of this role sees phones, codes and bodies.
    pub const fn sees_unmasked(self) -> bool {
        matches!(self, Self::Admin)
    }
}

/// The text is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is viewer or admin")]
pub struct NotARole;

fn not_a_role(_: &str) -> NotARole {
    NotARole
}

/// A person who may read, and perhaps act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// As in the audit log.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// The text cannot be an operator's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an operator's name has 1 to 40 letters, digits, dots, dashes, underscores or @, and is not {BOOTSTRAP}"
)]
pub struct NotAName;

/// The name of the operator that has the token of the configuration.
const BOOTSTRAP: &str = "bootstrap";
const NAME_MAX: usize = 40;

impl Operator {
    /// Whether this is the operator of the configuration, who has no row in the database.
    pub fn is_bootstrap(&self) -> bool {
        self.name == BOOTSTRAP
    }

    /// The operator that has the token of the configuration.
    pub fn bootstrap() -> Self {
        Self {
            name: BOOTSTRAP.to_owned(),
            role: Role::Admin,
        }
    }
}

/// Reads an operator's name: one word, so that a line of the audit log cannot be forged.
///
/// # Errors
/// [`NotAName`] for anything else.
pub fn read_name(text: &str) -> Result<String, NotAName> {
    let fits = (1..=NAME_MAX).contains(&text.chars().count());
    let is_word = text
        .chars()
        .all(|c| c.is_alphanumeric() || ['.', '-', '_', '@'].contains(&c));
    if fits && is_word && !text.eq_ignore_ascii_case(BOOTSTRAP) {
        Ok(text.to_owned())
    } else {
        Err(NotAName)
    }
}

/// Reads the label of a token, such as `backup script`.
///
/// # Errors
/// [`NotALabel`].
pub fn read_label(text: &str) -> Result<String, NotALabel> {
    let text = text.trim();
    let fits = (1..=NAME_MAX).contains(&text.chars().count());
    let is_plain = text
        .chars()
        .all(|c| c.is_alphanumeric() || " .-_@".contains(c));
    (fits && is_plain).then(|| text.to_owned()).ok_or(NotALabel)
}

/// The text cannot name a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token's name has 1 to 40 letters, digits, blanks, dots, dashes, underscores or @")]
pub struct NotALabel;

/// From this many wrong tries in a row on there is a pause: fewer are typing errors.
const FREE_FAILURES: i32 = 3;
/// The pause after the third; it doubles with each further one.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(2);
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(300);

/// How long an address must wait after this many failed log-ins: not at all for the first two, then
/// two seconds, and twice as long each time.
pub fn pause_after(failures: i32) -> TimeDelta {
    match failures - FREE_FAILURES {
        ..0 => TimeDelta::zero(),
        beyond => doubled(FIRST_PAUSE, beyond, LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_and_not_the_bootstrap_s() {
        for name in [
            "asha",
            "asha.m",
            "Asha-2",
            "a@shop",
            "Âsha",
            &"a".repeat(40),
        ] {
            assert_eq!(read_name(name).as_deref(), Ok(name));
        }
        for text in [
            "",
            " ",
            "asha m",
            "asha\n",
            "bootstrap",
            "Bootstrap",
            "a/b",
            &"a".repeat(41),
        ] {
            assert_eq!(read_name(text), Err(NotAName), "{text:?}");
        }
    }

    #[test]
    fn a_token_is_named_in_plain_words() {
        assert_eq!(
            read_label(" backup script 2 ").as_deref(),
            Ok("backup script 2")
        );
        for text in ["", " ", "a\nb", "<b>", &"a".repeat(41)] {
            assert_eq!(read_label(text), Err(NotALabel), "{text:?}");
        }
    }

    #[test]
    fn an_admin_acts_and_a_viewer_looks() {
        for (role, word, acts) in [
            (Role::Viewer, "viewer", false),
            (Role::Admin, "admin", true),
        ] {
            assert_eq!(role.as_str(), word);
            assert_eq!(word.parse(), Ok(role));
            assert_eq!((role.may_write(), role.sees_unmasked()), (acts, acts));
        }
        assert_eq!("owner".parse::<Role>(), Err(NotARole));
    }

    #[test]
    fn the_third_wrong_try_costs_two_seconds_and_each_further_one_twice_as_much() {
        let secs = |failures| pause_after(failures).num_seconds();

        assert_eq!([0, 1, 2, 3, 4, 5].map(secs), [0, 0, 0, 2, 4, 8]);
        assert_eq!(secs(10), 256);
        assert_eq!([11, 100, i32::MAX].map(secs), [300; 3]);
    }
}
