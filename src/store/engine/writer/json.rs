//! Rows as a JSON document that PostgreSQL reads back as a table: any number of rows is one value of
//! one text. (An array of values would do as well, but sea-orm's cannot hold NULL.)

use chrono::SecondsFormat;
use sea_orm::Value;
use sea_orm::sea_query::ColumnType;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Name and type of each column.
pub(super) type Columns = [(&'static str, ColumnType)];

/// The document as a table `rows` with these columns. `place` numbers the value that has it.
pub(super) fn recordset(columns: &Columns, place: usize) -> String {
    let typed: Vec<String> = columns
        .iter()
        .map(|(name, kind)| format!("{name} {}", type_name(kind)))
        .collect();
    let typed = typed.join(", ");
    format!("json_to_recordset(${place}::text::json) AS rows ({typed})")
}

/// The document of these rows, each with a value a column.
pub(super) fn document(columns: &Columns, rows: &[Vec<Value>]) -> Value {
    let rows: Vec<_> = rows.iter().map(|row| Row(columns, row)).collect();
    let document = serde_json::to_string(&rows).expect("names are texts, and values are plain");
    Value::String(Some(document))
}

struct Row<'a>(&'a Columns, &'a [Value]);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.1.len()))?;
        for ((name, _), value) in self.0.iter().zip(self.1) {
            map.serialize_entry(name, &Field(value))?;
        }
        map.end()
    }
}

/// A value as PostgreSQL reads it out of JSON.
struct Field<'a>(&'a Value);

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(Some(text)) => serializer.serialize_str(text),
            Value::Int(Some(number)) => serializer.serialize_i32(*number),
            Value::BigInt(Some(number)) => serializer.serialize_i64(*number),
            Value::Double(Some(number)) => serializer.serialize_f64(*number),
            Value::Uuid(Some(uuid)) => serializer.collect_str(&uuid.hyphenated()),
            Value::ChronoDateTimeUtc(Some(at)) => {
                serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
            }
            Value::Bytes(Some(bytes)) => serializer.serialize_str(&hex(bytes)),
            Value::String(None)
            | Value::Int(None)
            | Value::BigInt(None)
            | Value::Double(None)
            | Value::Uuid(None)
            | Value::ChronoDateTimeUtc(None)
            | Value::Bytes(None) => serializer.serialize_unit(),
            other => unreachable!("no table of the write path has such a value: {other:?}"),
        }
    }
}

/// As PostgreSQL reads bytes.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn type_name(kind: &ColumnType) -> &'static str {
    match kind {
        ColumnType::Integer => "integer",
        ColumnType::BigInteger => "bigint",
        ColumnType::Double => "double precision",
        ColumnType::Uuid => "uuid",
        ColumnType::TimestampWithTimeZone => "timestamptz",
        ColumnType::Binary(_) | ColumnType::VarBinary(_) | ColumnType::Blob => "bytea",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_row_is_an_object_whose_values_postgresql_reads() {
        let columns = [
            ("number", ColumnType::BigInteger),
            ("text", ColumnType::Text),
            ("nothing", ColumnType::Text),
            ("id", ColumnType::Uuid),
            ("at", ColumnType::TimestampWithTimeZone),
            ("body", ColumnType::Blob),
        ];
        let row = vec![
            7_i64.into(),
            "a \"b\"".into(),
            Value::String(None),
            Uuid::nil().into(),
            DateTime::UNIX_EPOCH.into(),
            vec![0_u8, 171].into(),
        ];

        assert_eq!(
            document(&columns, &[row]),
            Value::from(
                "[{\"number\":7,\"text\":\"a \\\"b\\\"\",\"nothing\":null,\
                 \"id\":\"00000000-0000-0000-0000-000000000000\",\
                 \"at\":\"1970-01-01T00:00:00.000000Z\",\"body\":\"\\\\x00ab\"}]"
            )
        );
        assert_eq!(
            recordset(&columns[..2], 3),
            "json_to_recordset($3::text::json) AS rows (number bigint, text text)"
        );
    }
}
