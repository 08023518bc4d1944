//! Inserts that nobody reads back, sent as one: a sale writes eight tables in one round trip
//! instead of eight. On PostgreSQL they are one statement (`WITH … AS (INSERT …) INSERT …`),
//! on SQLite statements behind each other in one text; whoever adds them need not know.
//!
//! The rule that must not be broken: in that one statement PostgreSQL writes in no promised
//! order, so an insert must not need what another one has written. Foreign keys may: they
//! are looked at when all of it is written.

use sea_orm::sea_query::{CommonTableExpression, InsertStatement, WithClause};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryTrait, Statement, StatementBuilder,
};

/// Inserts on their way into one transaction.
#[derive(Default)]
pub(super) struct Inserts {
    gathered: Vec<InsertStatement>,
}

impl Inserts {
    /// Adds rows of one table.
    pub fn add(&mut self, rows: impl QueryTrait<QueryStatement = InsertStatement>) {
        self.gathered.push(rows.into_query());
    }

    /// Writes all of them, or none.
    pub async fn write(self, txn: &DatabaseTransaction) -> Result<(), DbErr> {
        if let Some(statement) = self.in_words(txn.get_database_backend()) {
            txn.execute_raw(statement).await?;
        }
        Ok(())
    }

    /// One statement, or none for no rows; the same text for the same tables and numbers of rows,
    /// so that the connection has it prepared.
    pub fn in_words(self, backend: DbBackend) -> Option<Statement> {
        match backend {
            DbBackend::Postgres => self.into_one_insert(),
            _ => self.into_one_text(backend),
        }
    }

    fn into_one_insert(mut self) -> Option<Statement> {
        let mut last = self.gathered.pop()?;
        if !self.gathered.is_empty() {
            let mut before = WithClause::new();
            for (number, insert) in self.gathered.into_iter().enumerate() {
                let mut named = CommonTableExpression::new();
                named.table_name(format!("insert_{number}")).query(insert);
                before.cte(named);
            }
            last.with_cte(before);
        }
        Some(StatementBuilder::build(&last, &DbBackend::Postgres))
    }

    fn into_one_text(self, backend: DbBackend) -> Option<Statement> {
        self.gathered
            .into_iter()
            .map(|insert| StatementBuilder::build(&insert, &backend))
            .reduce(|mut all, next| {
                // Places for values have no numbers on SQLite: they are taken in order.
                all.sql.push_str("; ");
                all.sql.push_str(&next.sql);
                if let (Some(all), Some(next)) = (&mut all.values, next.values) {
                    all.0.extend(next.0);
                }
                all
            })
    }
}

#[cfg(test)]
mod tests {
    use entities::{radcheck, radreply};
    use sea_orm::ActiveValue::Set;
    use sea_orm::EntityTrait;

    use super::*;

    fn check(value: &str) -> radcheck::ActiveModel {
        radcheck::ActiveModel {
            username: Set("CODE".to_owned()),
            attribute: Set("Cleartext-Password".to_owned()),
            op: Set(":=".to_owned()),
            value: Set(value.to_owned()),
            ..Default::default()
        }
    }

    fn reply(value: &str) -> radreply::ActiveModel {
        radreply::ActiveModel {
            username: Set("CODE".to_owned()),
            attribute: Set("Session-Timeout".to_owned()),
            op: Set("=".to_owned()),
            value: Set(value.to_owned()),
            ..Default::default()
        }
    }

    fn together(values: [&str; 3]) -> Inserts {
        let [a, b, c] = values;
        let mut inserts = Inserts::default();
        inserts.add(radcheck::Entity::insert_many([check(a), check(b)]));
        inserts.add(radreply::Entity::insert(reply(c)));
        inserts
    }

    #[test]
    fn the_values_stand_in_the_order_of_their_places() {
        for backend in [DbBackend::Postgres, DbBackend::Sqlite] {
            let statement = together(["1", "2", "3"]).in_words(backend).unwrap();

            let shown = statement.to_string();
            let at = |value: &str| shown.find(&format!("'{value}'")).unwrap();
            assert!(at("1") < at("2") && at("2") < at("3"), "{shown}");
            assert!(at("2") < shown.find("radreply").unwrap(), "{shown}");
            assert_eq!(statement.values.unwrap().0.len(), 12);
        }
    }

    #[test]
    fn other_values_have_the_same_text() {
        for backend in [DbBackend::Postgres, DbBackend::Sqlite] {
            let one = together(["1", "2", "3"]).in_words(backend).unwrap();
            let other = together(["a", "b", "c"]).in_words(backend).unwrap();

            assert_eq!(one.sql, other.sql);
        }
    }

    #[test]
    fn nothing_is_no_statement() {
        assert!(Inserts::default().in_words(DbBackend::Sqlite).is_none());
    }
}
