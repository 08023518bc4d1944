//! Times as JSON has them: RFC 3339 in UTC, to the millisecond.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

/// A time as text.
pub fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Serializes a `DateTime<Utc>`, or an `Option` of one, for `serialize_with`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<'a, T, S>(at: &'a T, serializer: S) -> Result<S::Ok, S::Error>
where
    Option<&'a DateTime<Utc>>: From<&'a T>,
    S: Serializer,
{
    let at: Option<&DateTime<Utc>> = at.into();
    at.map(|at| rfc3339(*at)).serialize(serializer)
}
