//! A text that must never be printed.

/// A key, token or password. `Debug` hides it; there is no `Display`. Compare it only in
/// constant time.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

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

hidden_debug!(Secret);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_given_out_and_never_printed() {
        let secret = Secret::new("s3cret");

        assert_eq!(secret.expose(), "s3cret");
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
    }
}
