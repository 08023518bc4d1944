//! Rows of one table, and the insert that writes them.

use sea_orm::sea_query::ColumnType;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, DbBackend, EntityTrait, IdenStatic, Iterable, Value,
};

use super::json::{document, recordset};

/// Rows in one insert on SQLite at most.
const CHUNK_MAX: usize = 32;

/// Updates the row of a known customer. The sums are of the batch: one statement cannot
/// touch a row twice.
const KNOWN_CUSTOMER: &str = " ON CONFLICT (phone) DO UPDATE SET \
     name = COALESCE(excluded.name, customers.name), \
     orders_paid = customers.orders_paid + excluded.orders_paid, \
     total_paid = customers.total_paid + excluded.total_paid, \
     last_paid_at = excluded.last_paid_at";

/// Rows of one table, all with the same columns.
#[derive(Clone)]
pub(super) struct Table {
    name: &'static str,
    columns: Vec<(&'static str, ColumnType)>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    /// An empty table with the columns that this row sets.
    pub fn of<A: ActiveModelTrait>(name: &'static str, row: &A) -> Self {
        let columns = <A::Entity as EntityTrait>::Column::iter()
            .filter(|column| !matches!(row.get(*column), ActiveValue::NotSet))
            .map(|column| (column.as_str(), column.def().get_column_type().clone()))
            .collect();
        Self {
            name,
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row that sets these columns.
    pub fn push<A: ActiveModelTrait>(&mut self, row: A) {
        self.rows.push(values(row));
    }

    /// Adds the rows of another table of the same name.
    pub fn append(&mut self, mut other: Self) {
        self.rows.append(&mut other.rows);
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// What happens where a row is there already.
    fn conflict(&self) -> &'static str {
        if self.name == "customers" {
            KNOWN_CUSTOMER
        } else {
            ""
        }
    }

    /// One insert with a place for each value, after this number of other places.
    pub fn with_values(&self, backend: DbBackend, before: usize) -> (String, Vec<Value>) {
        let mut places = before + 1..;
        let mut row = || {
            let of_row: Vec<String> = (self.columns.iter())
                .map(|_| match (backend, places.next()) {
                    (DbBackend::Postgres, Some(place)) => format!("${place}"),
                    _ => "?".to_owned(),
                })
                .collect();
            format!("({})", of_row.join(", "))
        };
        let rows: Vec<String> = self.rows.iter().map(|_| row()).collect();
        let (name, names, conflict) = (self.name, self.names(), self.conflict());
        let sql = format!(
            "INSERT INTO {name} ({names}) VALUES {}{conflict}",
            rows.join(", ")
        );
        (sql, self.rows.concat())
    }

    /// One insert of any number of rows, which come as a JSON document.
    pub fn with_json(&self, before: usize) -> (String, Vec<Value>) {
        let (name, names, conflict) = (self.name, self.names(), self.conflict());
        let sql = format!(
            "INSERT INTO {name} ({names}) SELECT {names} FROM {}{conflict}",
            recordset(&self.columns, before + 1)
        );
        (sql, vec![document(&self.columns, &self.rows)])
    }

    /// The same rows in tables of 1, 2, 4, … 32 of them.
    pub fn into_powers_of_two(self) -> Vec<Self> {
        let mut chunks = Vec::new();
        let mut rest = self.rows;
        while !rest.is_empty() {
            let size = 1 << rest.len().ilog2().min(CHUNK_MAX.ilog2());
            let after = rest.split_off(size);
            chunks.push(Self {
                name: self.name,
                columns: self.columns.clone(),
                rows: std::mem::replace(&mut rest, after),
            });
        }
        chunks
    }
}

/// The values of a row, in the order of its columns.
fn values<A: ActiveModelTrait>(row: A) -> Vec<Value> {
    <A::Entity as EntityTrait>::Column::iter()
        .filter_map(|column| row.get(column).into_value())
        .collect()
}
