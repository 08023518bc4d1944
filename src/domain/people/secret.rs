//! Texts that must never be printed.

/// A key, token or password. `Debug` hides it; there is no `Display`. Compare it only in
/// constant time.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

hidden_debug!(Secret);

impl Secret {
    /// Wraps a text that must not be printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A text about a person: a customer's name, the phone that paid, an operator's reason. `Debug`
/// hides it: personal data never belongs in a log (Tanzania's Personal Data Protection Act, 2022).
#[derive(Clone, PartialEq, Eq)]
pub struct Personal(String);

hidden_debug!(Personal);

impl Personal {
    /// Wraps a text about a person.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the invoice or for ZenoPay.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_given_out_and_never_printed() {
        let secret = Secret::new("s3cret");

        assert_eq!(secret.expose(), "s3cret");
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
    }

    #[test]
    fn a_text_about_a_person_is_given_out_and_never_printed() {
        let name = Personal::new("Asha");

        assert_eq!(name.expose(), "Asha");
        assert_eq!(format!("{name:?}"), "Personal(hidden)");
    }
}
