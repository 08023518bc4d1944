//! A crowd of lines at once, one of which the database refuses.

use std::time::Instant;

use chrono::Utc;
use sea_orm::ConnectionTrait;

use super::*;
use crate::store::{JournalSearch, migrated};

const LINES: usize = 75;

fn line(word: &str) -> DeliveryRecord {
    DeliveryRecord {
        order_id: Some("a01f4f3e-4d27-4c3c-9d1f-7a51c7a3d0aa".to_owned()),
        proof: Some("key"),
        source: "webhook",
        word: Some(word.to_owned()),
        reference: None,
        amount: None,
        received_at: Utc::now(),
        received: Instant::now(),
        content_type: None,
        body: word.as_bytes().to_vec(),
    }
}

async fn words(store: &Store) -> Vec<String> {
    let search = JournalSearch {
        outcome: None,
        order_id: None,
        before: None,
        limit: 1_000,
    };
    let page = store.read_journal(search).await.unwrap();
    let mut words: Vec<String> = page.items.into_iter().filter_map(|row| row.word).collect();
    words.sort();
    words
}

#[tokio::test]
async fn each_line_is_there_once_and_a_refused_one_takes_no_other_with_it() {
    let (store, _folder) = migrated::sqlite().await;
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON webhook_deliveries WHEN new.word = '40' \
                  BEGIN SELECT RAISE(ABORT, 'not this one'); END";
    store.inner.writer.execute_unprepared(refuse).await.unwrap();

    let all: Vec<String> = (0..LINES).map(|number| format!("{number:02}")).collect();
    let journalling: Vec<Journalling> = all
        .iter()
        .map(|word| store.journal_soon(line(word), Outcome::Duplicate))
        .collect();
    let mut refused = Vec::new();
    for (word, journalling) in all.iter().zip(journalling) {
        if journalling.durable().await.is_err() {
            refused.push(word.clone());
        }
    }

    assert_eq!(refused, ["40"]);
    let others: Vec<String> = all.into_iter().filter(|word| word != "40").collect();
    assert_eq!(words(&store).await, others);
}
