//! What operators send with an act: a JSON object of a few short texts.

use actix_web::web;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::pages::Form;
use crate::http::problem::{Code, Problem};
use crate::http::request::body_of;

/// A few sentences have no need of more.
const BODY_MAX: usize = 16 * 1024;
/// Characters of a reason.
pub const REASON_MAX: usize = 200;
/// Characters of a method or a reference.
pub const NOTE_MAX: usize = 100;

/// What is to become of a held order.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described: it is read by `ActBody`")]
pub struct ReleaseRequest {
    decision: ReleaseDecision,
    /// For the log and the timeline.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: String,
}

/// Whether the guest gets the voucher.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum ReleaseDecision {
    /// The sale is made.
    Complete,
    /// It is not, and the owner pays back.
    Refuse,
}

/// How the owner has paid back.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct RefundRequest {
    /// For the log and the timeline.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: String,
    /// As in `cash` or `M-Pesa`.
    #[schema(min_length = 1, max_length = 100, pattern = "[!-~\u{a1}-\u{ffff}]")]
    method: Option<String>,
    /// The number of the transfer back.
    #[schema(min_length = 1, max_length = 100, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reference: Option<String>,
}

/// Why a voucher is taken back.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct RevokeRequest {
    /// For the log and the timeline.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: Option<String>,
}

/// Why a voucher gets another code.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct ReissueRequest {
    /// For the audit log.
    #[schema(min_length = 1, max_length = 200, pattern = "[!-~\u{a1}-\u{ffff}]")]
    reason: Option<String>,
}

/// The members of a body.
pub struct ActBody(Map<String, Value>);

impl ActBody {
    /// The fields of a form that say something.
    pub fn of_form(form: &Form) -> Self {
        let said = form.fields().filter(|(_, value)| !value.trim().is_empty());
        let members = said.map(|(name, value)| (name.to_owned(), Value::from(value)));
        Self(members.collect())
    }

    /// Reads a body; an empty one, and `null`, hold nothing.
    ///
    /// # Errors
    /// A 400 if it is anything but a JSON object.
    pub async fn read(payload: web::Payload) -> Result<Self, Problem> {
        let body = body_of(payload, BODY_MAX).await?;
        if body.trim_ascii().is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(&body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(Value::Null) => Ok(Self(Map::new())),
            Ok(_) => Err(Problem::new(Code::InvalidRequest).detail("the body must be an object")),
            Err(error) => Err(Problem::new(Code::InvalidRequest).detail(error.to_string())),
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// A 422 if it is missing, blank, too long or no text.
    pub fn needed(&self, name: &str, most: usize) -> Result<String, Problem> {
        self.optional(name, most)?
            .ok_or_else(|| Problem::new(Code::InvalidValue).detail(format!("{name} is missing")))
    }

    /// A text that may be there.
    ///
    /// # Errors
    /// A 422 if it is blank, too long or no text.
    pub fn optional(&self, name: &str, most: usize) -> Result<Option<String>, Problem> {
        let text = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text,
            Some(_) => {
                let fault = Problem::new(Code::InvalidValue);
                return Err(fault.detail(format!("{name} must be a text")));
            }
        };
        if text.chars().count() > most || !text.chars().any(is_visible) {
            let fault = Problem::new(Code::InvalidValue);
            return Err(fault.detail(format!("{name} must have 1 to {most} characters")));
        }
        Ok(Some(on_one_line(text)))
    }
}

/// What a person can see; the pattern in the documents says the same.
fn is_visible(c: char) -> bool {
    c.is_ascii_graphic() || ('\u{a1}'..='\u{ffff}').contains(&c)
}

/// A line break could forge a line of a log, and PostgreSQL refuses NUL.
fn on_one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line.trim().to_owned()
}
