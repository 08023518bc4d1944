//! SQLite on a disk that is full for a moment.

use crate::harness::{Kind, SaleCounts, TestApp};

/// A full disk makes SQLite end the transaction by itself, as `RAISE(ROLLBACK)` does. If the one
/// writing connection returned to the pool in that state, later commits would release savepoints of
/// a transaction that never ends: they would be answered 200 and written nowhere.
#[actix_web::test]
async fn after_a_full_disk_a_200_is_in_the_database_again() {
    let app = TestApp::start(Kind::Sqlite).await;
    let (first, second, third) = (app.buy().await, app.buy().await, app.buy().await);

    app.database
        .execute(
            "CREATE TRIGGER disk BEFORE INSERT ON vouchers
             BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END",
        )
        .await;
    let refused = app.deliver_word(&first, "COMPLETED").await;
    app.database.execute("DROP TRIGGER disk").await;
    // Next comes an ordinary rollback: the order has been changed by another session.
    app.deliver_word(&second, "PENDING").await;
    let is_second = app.database.is_order(&second.id);
    app.database
        .execute(&format!(
            "UPDATE payments SET version = 2 WHERE {is_second}"
        ))
        .await;
    let after_conflict = app.deliver_word(&second, "COMPLETED").await;
    let sold = app.deliver_word(&third, "COMPLETED").await;
    let again = app.deliver_word(&first, "COMPLETED").await;

    assert!(refused.status >= 500, "{}", refused.text);
    for (order, answer) in [(&second, after_conflict), (&third, sold), (&first, again)] {
        assert_eq!(answer.verdict(), (200, "completed".to_owned()));
        // Read over another connection, so only committed rows count.
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
}
