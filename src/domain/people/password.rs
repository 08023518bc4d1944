//! What may be an operator's password, by the advice of NIST SP 800-63B: a length, no rules about kinds
//! of characters, and none that everybody tries first.

use super::secret::Secret;

/// The least number of characters.
pub const PASSWORD_MIN: usize = 10;
/// More bytes are never hashed.
pub const PASSWORD_MAX: usize = 200;

/// The first tries of a guesser among passwords that are long enough, in lower case.
const WORST: [&str; 24] = [
    "0123456789",
    "0987654321",
    "1234567890",
    "12345678910",
    "123456789a",
    "1q2w3e4r5t",
    "1qaz2wsx3edc",
    "abcdefghij",
    "administrator",
    "asdfghjkl;",
    "changeme123",
    "iloveyou123",
    "letmein123",
    "malipo1234",
    "mikrotik123",
    "password01",
    "password12",
    "password123",
    "password1234",
    "passw0rd123",
    "qwertyuiop",
    "qwerty12345",
    "tanzania123",
    "welcome123",
];
/// Fewer different characters are a pattern, as in `1111111111`.
const DIFFERENT_MIN: usize = 5;

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPassword {
    #[error("a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters")]
    Length,
    #[error("the password contains the name")]
    Name,
    #[error("this password is among the first that are guessed: choose another")]
    Guessed,
}

/// Reads a new password of this operator.
///
/// # Errors
/// Why it cannot be one.
pub fn read_password(name: &str, text: &str) -> Result<Secret, NotAPassword> {
    if text.chars().count() < PASSWORD_MIN || text.len() > PASSWORD_MAX {
        return Err(NotAPassword::Length);
    }
    let lower = text.to_lowercase();
    // A name of one or two letters is in many passwords.
    if name.chars().count() > 2 && lower.contains(&name.to_lowercase()) {
        return Err(NotAPassword::Name);
    }
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT_MIN || WORST.contains(&lower.trim()) {
        return Err(NotAPassword::Guessed);
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_not_the_first_that_a_guesser_tries() {
        for text in [
            "mti mkubwa wa embe",
            "kisima-cha-7",
            "ümlauts are letters",
            &"xyzwv".repeat(40),
        ] {
            assert_eq!(read_password("asha", text), Ok(Secret::new(text)));
        }
        for (text, why) in [
            ("", NotAPassword::Length),
            ("nine char", NotAPassword::Length),
            (&"xyzwv".repeat(41), NotAPassword::Length),
            ("I am Asha today", NotAPassword::Name),
            ("1111111111111", NotAPassword::Guessed),
            ("Password123", NotAPassword::Guessed),
            (" qwertyuiop ", NotAPassword::Guessed),
        ] {
            assert_eq!(read_password("asha", text), Err(why), "{text:?}");
        }
        assert!(read_password("ab", "a cab for seven").is_ok());
    }
}
