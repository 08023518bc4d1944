//! A form that a page sends.

use actix_web::web;

use crate::http::problem::Problem;
use crate::http::request::body_of;

/// The limit of a form in bytes.
const FORM_MAX: usize = 16 * 1024;
/// Characters of a typed text that a page shows again.
const TYPED_MAX: usize = 40;

/// The fields of a form, in the order in which they were sent.
#[derive(Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form of at most 16 KiB.
    ///
    /// # Errors
    /// A 400 if it is incomplete, a 413 if it is larger.
    pub async fn read(payload: web::Payload) -> Result<Self, Problem> {
        let body = body_of(payload, FORM_MAX).await?;
        let fields = url::form_urlencoded::parse(&body).into_owned().collect();
        Ok(Self(fields))
    }

    /// A form with these values, to be changed.
    pub fn of<const N: usize>(fields: [(&str, String); N]) -> Self {
        let fields = fields.into_iter();
        Self(
            fields
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    /// The first field of that name; empty if there is none.
    pub fn field(&self, name: &str) -> &str {
        let field = self.0.iter().find(|(known, _)| known == name);
        field.map_or("", |(_, value)| value.as_str())
    }

    /// A field as it was typed, to be shown again.
    pub fn typed(&self, name: &str) -> String {
        self.field(name).chars().take(TYPED_MAX).collect()
    }

    /// All names and values.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.0.iter();
        fields.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
