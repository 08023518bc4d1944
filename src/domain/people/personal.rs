//! A text about a person.

/// A customer's name or the phone that paid. `Debug` hides it: personal data never
/// belongs in a log (Tanzania's Personal Data Protection Act, 2022).
#[derive(Clone, PartialEq, Eq)]
pub struct Personal(String);

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

hidden_debug!(Personal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_about_a_person_is_given_out_and_never_printed() {
        let name = Personal::new("Asha");

        assert_eq!(name.expose(), "Asha");
        assert_eq!(format!("{name:?}"), "Personal(hidden)");
    }
}
