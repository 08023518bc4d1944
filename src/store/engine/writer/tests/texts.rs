//! How many statement texts a lane prepares, and in which order a statement writes customers.

use std::collections::BTreeSet;

use chrono::Utc;
use entities::gateway_calls;
use sea_orm::ActiveValue::Set;
use sea_orm::{DbBackend, Value};

use super::{Scene, ask, confirm, fail, keep, sell};
use crate::domain::order::{Level, Payment, Remark};
use crate::store::AuditEntry;
use crate::store::engine::connect::{POSTGRES_STATEMENTS, SQLITE_STATEMENTS};
use crate::store::engine::writer::batch::BATCH_MAX;
use crate::store::engine::writer::{Rows, Write, update};

/// Each kind of change of a batch, with this number of rows where it varies.
fn kinds(order: &Payment, some: usize) -> Vec<Write> {
    let mut writes = Vec::new();
    for kind in [sell, fail, confirm, ask, keep] {
        let mut plain = kind(order);
        if let Some(user) = &mut plain.radius_user {
            let attribute = user.replies[0].clone();
            user.checks.resize(1 + some % 3, attribute.clone());
            user.replies.resize(1 + some % 4, attribute);
        }
        let mut remarked = plain.clone();
        let remark = Remark::new(Level::Note, "note", "a remark".to_owned());
        remarked.decision.remarks = vec![remark; 1 + some % 2];
        let mut by_hand = remarked.clone();
        by_hand.delivery = None;
        by_hand.audit = Some(AuditEntry {
            operator: "asha".to_owned(),
            action: "release",
            order_id: Some(order.order_id),
            subject: "order".to_owned(),
            detail: None,
        });
        for change in [plain, remarked, by_hand] {
            writes.push(change.into_write(Utc::now()).unwrap());
        }
    }
    // A duplicate, and a line of the journal alone.
    let mut copy = keep(order).into_write(Utc::now()).unwrap();
    copy.guard = None;
    writes.push(copy);
    let mut rows = Rows::default();
    rows.add(gateway_calls::ActiveModel {
        order_id: Set(order.order_id.0),
        kind: Set("create".to_owned()),
        at: Set(Utc::now()),
        duration_ms: Set(1.0),
        http_status: Set(None),
        answer: Set("accepted".to_owned()),
        detail: Set(None),
        ..Default::default()
    });
    writes.push(Write {
        rows,
        ..Write::default()
    });
    writes
}

impl Write {
    fn again(&self) -> Self {
        Self {
            guard: self.guard.clone(),
            rows: self.rows.clone(),
            ..Self::default()
        }
    }
}

/// The texts that a lane prepares for a batch of these.
fn texts_of(backend: DbBackend, writes: Vec<Write>, texts: &mut BTreeSet<String>) {
    let guards: Vec<_> = (writes.iter())
        .filter_map(|write| write.guard.as_ref())
        .collect();
    let mut statements = update::statements(backend, &guards);
    if writes.len() == 1 {
        // An update alone has sea-orm's own text, of the same columns.
        for statement in &mut statements {
            statement.sql.insert_str(0, "alone ");
        }
    }
    let mut rows = Rows::default();
    for write in &writes {
        rows.append(write.rows.clone());
    }
    statements.extend(rows.into_statements(backend));
    texts.extend(statements.into_iter().map(|statement| statement.sql));
}

/// Batches of every size, of one kind and of several.
#[tokio::test]
async fn all_texts_of_a_lane_fit_into_its_cache_of_statements() {
    let scene = Scene::sqlite().await;
    let order = scene.order("0712000001", None).await;
    let some: Vec<_> = (0..12).map(|some| kinds(&order, some)).collect();
    let of_kind = |number: usize| some[number % 12][number % some[0].len()].again();
    // On SQLite the other places are for the other statements of its one connection.
    for (backend, most) in [
        (DbBackend::Sqlite, SQLITE_STATEMENTS - 100),
        (DbBackend::Postgres, POSTGRES_STATEMENTS),
    ] {
        let mut texts = BTreeSet::new();
        for kind in some.iter().flatten() {
            texts_of(backend, vec![kind.again()], &mut texts);
        }
        for size in 2..=BATCH_MAX {
            for kind in &some[size % 12] {
                let alike = (0..size).map(|_| kind.again()).collect();
                texts_of(backend, alike, &mut texts);
            }
            for step in [1, 5, 7] {
                let mixed = (0..size).map(|number| of_kind(size + step * number));
                texts_of(backend, mixed.collect(), &mut texts);
            }
        }

        let count = texts.len();
        assert!(count < most, "{backend:?}: {count}");
    }
}

/// Two statements that write the same customers in opposite orders would wait for each other.
#[tokio::test]
async fn customers_are_written_in_the_order_of_their_phones() {
    let scene = Scene::sqlite().await;
    let order = scene.order("0712000001", None).await;
    let mut rows = Rows::default();
    for phone in [3, 1, 4, 2, 5, 1] {
        let mut order = order.clone();
        order.phone = crate::domain::people::Phone::from_stored(format!("25571200000{phone}"));
        rows.append(sell(&order).into_write(Utc::now()).unwrap().rows);
    }
    for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
        let statements = rows.clone().into_statements(backend);
        let values = (statements.iter())
            .filter(|statement| statement.sql.contains("INTO customers"))
            .flat_map(|statement| statement.values.iter().flat_map(|values| values.0.iter()));
        let written: String = values
            .filter_map(|value| match value {
                Value::String(Some(text)) => Some(text.as_str()),
                _ => None,
            })
            .filter(|text| backend == DbBackend::Sqlite || text.contains("orders_paid"))
            .collect();

        let phones: Vec<_> = written.match_indices("25571200000").collect();
        let last: Vec<_> = (phones.iter())
            .map(|(at, phone)| &written[at + phone.len()..=at + phone.len()])
            .collect();
        assert_eq!(last, ["1", "2", "3", "4", "5"], "{backend:?}");
    }
}
