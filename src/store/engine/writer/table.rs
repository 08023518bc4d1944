//! Rows of one table, and the SQL query that returns them on each database.
//!
//! PostgreSQL reads them out of one JSON parameter, so that the SQL is the same for any number of rows.
//! (An array per column would do as well, but sea-orm's cannot hold NULL.) On SQLite they are a `VALUES`
//! list, whose SQL depends on the number of rows. Rows are therefore split into chunks of 1, 2, 4 …
//! rows, so that the statement cache has few texts.

use chrono::SecondsFormat;
use sea_orm::sea_query::ColumnType;
use sea_orm::{ActiveModelTrait, ColumnTrait, DbBackend, EntityTrait, IdenStatic, Iterable, Value};
use serde_json::{Map, Value as Json};

/// The largest number of rows in one statement on SQLite.
const CHUNK_MAX: usize = 32;

/// Rows with the same columns.
#[derive(Clone, Default)]
pub(super) struct Table {
    /// Name and PostgreSQL's type of each column.
    columns: Vec<(&'static str, &'static str)>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    /// One row, with the columns that it sets.
    pub fn of<A: ActiveModelTrait>(row: &A) -> Self {
        let set = <A::Entity as EntityTrait>::Column::iter().filter_map(|column| {
            let type_name = type_name(column.def().get_column_type());
            let value = row.get(column).into_value()?;
            Some(((column.as_str(), type_name), value))
        });
        let (columns, values) = set.unzip();
        Self {
            columns,
            rows: vec![values],
        }
    }

    /// The same with another column, which has this value in each row.
    pub fn with(mut self, name: &'static str, type_name: &'static str, value: Value) -> Self {
        self.columns.push((name, type_name));
        for row in &mut self.rows {
            row.push(value.clone());
        }
        self
    }

    /// Adds rows.
    ///
    /// # Panics
    /// If they have other columns: their values would get into the wrong ones.
    pub fn append(&mut self, other: Self) {
        assert!(
            self.rows.is_empty() || self.columns == other.columns,
            "rows of one table have the same columns"
        );
        self.columns = other.columns;
        self.rows.extend(other.rows);
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(name, _)| *name).collect()
    }

    /// Cuts the rows into one table for each statement.
    pub fn into_chunks(mut self, backend: DbBackend) -> Vec<Self> {
        if backend == DbBackend::Postgres {
            return vec![self];
        }
        let mut chunks = Vec::new();
        while !self.rows.is_empty() {
            let size = 1 << self.rows.len().ilog2().min(CHUNK_MAX.ilog2());
            chunks.push(Self {
                columns: self.columns.clone(),
                rows: self.rows.drain(..size).collect(),
            });
        }
        chunks
    }

    /// A query that returns all rows, and its parameters. On PostgreSQL there is one: `$place`.
    pub fn into_query(self, backend: DbBackend, place: usize) -> (String, Vec<Value>) {
        if backend == DbBackend::Postgres {
            let types: Vec<String> = (self.columns.iter())
                .map(|(name, type_name)| format!("{name} {type_name}"))
                .collect();
            let query = format!(
                "SELECT {} FROM json_to_recordset(${place}::text::json) AS them ({})",
                self.names().join(", "),
                types.join(", ")
            );
            return (query, vec![self.document()]);
        }
        let row = format!("({})", vec!["?"; self.columns.len()].join(", "));
        let query = format!("VALUES {}", vec![row; self.rows.len()].join(", "));
        (query, self.rows.concat())
    }

    /// The rows as a JSON document.
    fn document(&self) -> Value {
        let object = |row: &Vec<Value>| -> Map<String, Json> {
            let fields = self.columns.iter().zip(row);
            let fields = fields.map(|((name, _), value)| ((*name).to_owned(), json(value)));
            fields.collect()
        };
        let rows: Vec<_> = self.rows.iter().map(object).collect();
        let document = serde_json::to_string(&rows).expect("names are texts, and values are plain");
        Value::String(Some(document))
    }
}

/// A value as PostgreSQL reads it out of JSON.
fn json(value: &Value) -> Json {
    match value {
        Value::String(text) => text.as_deref().into(),
        Value::Int(number) => (*number).into(),
        Value::BigInt(number) => (*number).into(),
        Value::Double(number) => (*number).into(),
        Value::Uuid(uuid) => uuid.map(|uuid| uuid.to_string()).into(),
        Value::ChronoDateTimeUtc(at) => at
            .map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true))
            .into(),
        Value::Bytes(bytes) => bytes
            .as_ref()
            .map(|bytes| format!("\\x{}", hex::encode(bytes)))
            .into(),
        other => unreachable!("no table of the write path has such a value: {other:?}"),
    }
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
        let table = Table {
            columns: vec![
                ("number", "bigint"),
                ("text", "text"),
                ("nothing", "text"),
                ("id", "uuid"),
                ("at", "timestamptz"),
                ("body", "bytea"),
            ],
            rows: vec![vec![
                7_i64.into(),
                "a \"b\"".into(),
                Value::String(None),
                Uuid::nil().into(),
                DateTime::UNIX_EPOCH.into(),
                vec![0_u8, 171].into(),
            ]],
        };

        let (query, values) = table.into_query(DbBackend::Postgres, 3);

        assert_eq!(
            query,
            "SELECT number, text, nothing, id, at, body \
             FROM json_to_recordset($3::text::json) AS them \
             (number bigint, text text, nothing text, id uuid, at timestamptz, body bytea)"
        );
        let [Value::String(Some(document))] = &values[..] else {
            panic!("{values:?}");
        };
        assert_eq!(
            serde_json::from_str::<Json>(document).unwrap(),
            serde_json::json!([{
                "number": 7,
                "text": "a \"b\"",
                "nothing": null,
                "id": "00000000-0000-0000-0000-000000000000",
                "at": "1970-01-01T00:00:00.000000Z",
                "body": "\\x00ab",
            }])
        );
    }
}
