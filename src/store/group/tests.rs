//! Three who write at once, and what becomes of them when one of them, or the disk, fails.

use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::*;
use crate::store::connect;
use crate::store::pool::Pool;
use crate::store::wedged::Wedged;

struct Books {
    door: Door,
    reader: Pool,
    _folder: TempDir,
}

async fn books() -> Books {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/books.db?mode=rwc", folder.path().display());
    let writer = connect::writer(&url, &Wedged::new()).await.unwrap();
    let reader = connect::reader(&url, &Wedged::new()).await.unwrap();
    for sql in [
        "CREATE TABLE lines (text TEXT UNIQUE)",
        "CREATE TRIGGER disk BEFORE INSERT ON lines WHEN new.text = 'too much' \
         BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END",
    ] {
        writer.execute_unprepared(sql).await.unwrap();
    }
    Books {
        door: Door::open(writer.connections(), &Handle::current(), &Supervisor::new()),
        reader,
        _folder: folder,
    }
}

impl Books {
    async fn written(&self) -> Vec<String> {
        let ask = "SELECT text FROM lines ORDER BY rowid";
        let ask = Statement::from_string(self.reader.get_database_backend(), ask);
        let rows = self.reader.query_all_raw(ask).await.unwrap();
        rows.iter()
            .map(|row| row.try_get("", "text").unwrap())
            .collect()
    }
}

async fn write(member: &Member, text: &str) -> Result<(), DbErr> {
    let sql = format!("INSERT INTO lines VALUES ('{text}')");
    member.execute_unprepared(&sql).await.map(drop)
}

/// Has a first member write and the others wait behind it, so that they are one group.
async fn first_of_a_group(books: &Books) -> Member {
    let first = books.door.enter().await.unwrap();
    write(&first, "first").await.unwrap();
    first
}

#[tokio::test]
async fn who_fails_or_vanishes_spoils_only_its_own_rows() {
    let books = books().await;
    let first = first_of_a_group(&books).await;

    let refused = async {
        let member = books.door.enter().await.unwrap();
        write(&member, "refused").await.unwrap();
        write(&member, "first").await.unwrap_err();
        member.roll_back().await;
    };
    let vanished = async {
        let member = books.door.enter().await.unwrap();
        write(&member, "vanished").await.unwrap();
        drop(member);
    };
    let second = async {
        let member = books.door.enter().await.unwrap();
        write(&member, "second").await.unwrap();
        // One who rolled back does not answer before the group has committed.
        assert_eq!(books.written().await, [""; 0]);
        member.commit().await
    };
    let third = async {
        let member = books.door.enter().await.unwrap();
        write(&member, "third").await.unwrap();
        member.commit().await
    };
    let ended = tokio::join!(refused, vanished, second, third, first.commit());

    assert!(ended.2.is_ok() && ended.3.is_ok() && ended.4.is_ok());
    assert_eq!(books.written().await, ["first", "second", "third"]);
}

#[tokio::test]
async fn when_the_transaction_is_lost_nobody_of_the_group_is_told_that_it_is_durable() {
    let books = books().await;
    let first = first_of_a_group(&books).await;

    let unlucky = async {
        let member = books.door.enter().await.unwrap();
        write(&member, "too much").await.unwrap_err();
        member.roll_back().await;
    };
    let careless = async {
        // Goes on although the database has ended the transaction by itself.
        let member = books.door.enter().await?;
        write(&member, "careless").await?;
        member.commit().await
    };
    let (_, careless, first) = tokio::join!(unlucky, careless, first.commit());
    assert!(first.is_err());
    // It was let in too late to be of that group.
    assert!(careless.is_ok());
    assert_eq!(books.written().await, ["careless"]);

    let next = books.door.enter().await.unwrap();
    write(&next, "next").await.unwrap();
    next.commit().await.unwrap();
    assert_eq!(books.written().await, ["careless", "next"]);
}

#[tokio::test]
async fn who_is_first_and_alone_and_fails_leaves_nothing() {
    let books = books().await;

    let first = first_of_a_group(&books).await;
    first.roll_back().await;
    let unlucky = books.door.enter().await.unwrap();
    write(&unlucky, "too much").await.unwrap_err();
    // As one does who takes the error for its own row's.
    write(&unlucky, "beside").await.unwrap();
    let unlucky = unlucky.commit().await;
    let last = first_of_a_group(&books).await;
    let last = last.commit().await;

    assert!(unlucky.is_err());
    assert!(last.is_ok());
    // What was written beside a lost transaction is there, and nobody was told so.
    assert_eq!(books.written().await, ["beside", "first"]);
}

#[tokio::test]
async fn who_leaves_while_waiting_holds_up_nobody() {
    let books = books().await;
    let first = first_of_a_group(&books).await;

    let impatient = timeout(Duration::from_millis(10), books.door.enter()).await;
    assert!(impatient.is_err());
    let (second, first) = tokio::join!(first_of_a_later_group(&books), first.commit());

    assert!(first.is_ok());
    assert!(second.is_ok());
    assert_eq!(books.written().await, ["first", "second"]);
}

async fn first_of_a_later_group(books: &Books) -> Result<(), DbErr> {
    let member = books.door.enter().await?;
    write(&member, "second").await?;
    member.commit().await
}

#[tokio::test]
async fn who_has_waited_for_too_long_is_told() {
    let books = books().await;
    let _first = first_of_a_group(&books).await;

    let late = books.door.enter().await;

    assert!(matches!(
        late.err(),
        Some(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))
    ));
}
