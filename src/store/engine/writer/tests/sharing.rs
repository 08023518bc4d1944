//! The changes of a batch share a transaction, and do not share failures.

use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;

use super::{Scene, answer_of, code_of, is_ok, keep, sell, sell_at};
use crate::domain::order::{Outcome, Payment};
use crate::failpoint::{Action, Point};
use crate::store::{StoreError, journal};

on_both_databases! {
    sales_of_a_batch_are_one_transaction_and_answered_after_it,
    sales_of_one_phone_in_a_batch_are_summed_for_its_customer,
    odd_texts_and_bytes_are_written_in_a_batch_as_they_are_alone,
    a_sale_that_the_database_refuses_fails_alone,
    a_voucher_code_that_is_taken_fails_its_sale_alone,
    an_error_or_a_panic_in_a_batch_costs_none_of_its_sales,
}

async fn sales_of_a_batch_are_one_transaction_and_answered_after_it(scene: Scene) {
    let orders = scene.orders(12).await;
    // The first delivery creates SQLite's log.
    scene.write(vec![sell(&orders[0])]).await;
    let before = scene.transactions().await;

    let answers = scene.begin_writing(orders[1..].iter().map(sell).collect());
    for (order, answer) in orders[1..].iter().zip(answers.await) {
        assert!(answer_of(answer).await.is_ok());
        assert!(scene.is_sold(order).await, "it was answered before");
    }

    assert_eq!(scene.transactions().await - before, 1);
    let unmeasured = "SELECT COUNT(*) FROM webhook_deliveries WHERE processing_ms <= 0";
    assert_eq!(scene.count(unmeasured).await, 0);
}

async fn sales_of_one_phone_in_a_batch_are_summed_for_its_customer(scene: Scene) {
    let (mine, other) = ("0712000001", "0712000002");
    let mut orders = Vec::new();
    for (phone, name) in [
        (mine, Some("Juma")),
        (other, None),
        (mine, Some("Asha")),
        (mine, None),
        (mine, None),
    ] {
        orders.push(scene.order(phone, name).await);
    }
    let price = orders[0].amount.0;
    let start = orders[0].created_at;
    // The latest and the earliest are not the last and the first.
    let sales: Vec<_> = (orders.iter())
        .zip([3, 4, 9, 1, 5])
        .map(|(order, minute)| sell_at(order, start + TimeDelta::minutes(minute)))
        .collect();
    let (batch, later) = (sales[..4].to_vec(), sales[4].clone());

    assert!(is_ok(&scene.write(batch).await));

    let is_mine = "phone = '255712000001' AND name = 'Asha'";
    let times = "first_paid_at = (SELECT MIN(issued_at) FROM invoices) \
         AND last_paid_at = (SELECT MAX(issued_at) FROM invoices)";
    let sums = format!("orders_paid = 3 AND total_paid = {}", 3 * price);
    let found = format!("SELECT COUNT(*) FROM customers WHERE {is_mine} AND {times} AND {sums}");
    assert_eq!(scene.count(&found).await, 1);
    let found = format!(
        "SELECT COUNT(*) FROM customers WHERE phone = '255712000002' AND name IS NULL \
         AND orders_paid = 1 AND total_paid = {price}"
    );
    assert_eq!(scene.count(&found).await, 1);

    // The customer is known by now. Another sale makes it a batch again.
    let beside = sell(&scene.order("0712000003", None).await);
    assert!(is_ok(&scene.write(vec![later, beside]).await));

    let sums = format!("orders_paid = 4 AND total_paid = {}", 4 * price);
    let found = format!("SELECT COUNT(*) FROM customers WHERE {is_mine} AND {sums}");
    assert_eq!(scene.count(&found).await, 1);
}

/// PostgreSQL reads the rows of a batch out of JSON.
async fn odd_texts_and_bytes_are_written_in_a_batch_as_they_are_alone(scene: Scene) {
    let orders = scene.orders(3).await;
    let received_at = Utc::now();
    let changes: Vec<_> = (orders.iter())
        .map(|order| {
            let mut change = keep(order);
            let delivery = change.delivery.as_mut().unwrap();
            delivery.received_at = received_at;
            delivery.word = Some("\"quoted\" \\ 'and' $1 \u{1}\u{7f}\r\n\t".to_owned());
            delivery.content_type = Some("\u{e9} \u{6f22} \u{1f389} \u{2028} null".to_owned());
            delivery.reference = Some(String::new());
            delivery.body = (0..=255).collect();
            change
        })
        .collect();

    assert!(is_ok(&scene.write(changes[..1].to_vec()).await));
    assert!(is_ok(&scene.write(changes[1..].to_vec()).await));
    // As sea-orm itself writes the row.
    let mut row = journal::delivery_row(changes[0].delivery.as_ref().unwrap(), Outcome::Duplicate);
    row.processing_ms = Set(1.0);
    row.insert(&scene.beside).await.unwrap();

    let columns = "word, content_type, reference, amount, received_at, body";
    let kinds = format!("SELECT DISTINCT {columns} FROM webhook_deliveries");
    let distinct = format!("SELECT COUNT(*) FROM ({kinds}) AS kinds");
    assert_eq!(scene.count(&distinct).await, 1);
    let lines = "SELECT COUNT(*) FROM webhook_deliveries";
    assert_eq!(scene.count(lines).await, 4);
}

/// Makes the database refuse the invoice of an order.
async fn poison(scene: &Scene, order: &Payment) {
    let id = order.id;
    let trigger = match &scene.folder {
        Some(_) => format!(
            "CREATE TRIGGER poison BEFORE INSERT ON invoices WHEN NEW.payment_id = {id} \
             BEGIN SELECT RAISE(ABORT, 'poison'); END"
        ),
        None => format!(
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF NEW.payment_id = {id} THEN RAISE EXCEPTION 'poison'; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER poison BEFORE INSERT ON invoices \
             FOR EACH ROW EXECUTE FUNCTION poison()"
        ),
    };
    scene.execute(&trigger).await;
}

async fn a_sale_that_the_database_refuses_fails_alone(scene: Scene) {
    let orders = scene.orders(9).await;
    let poisoned = 5;
    poison(&scene, &orders[poisoned]).await;

    let answers = scene.write(orders.iter().map(sell).collect()).await;

    for (number, (order, answer)) in orders.iter().zip(answers).enumerate() {
        let is_sold = scene.is_sold(order).await;
        match answer {
            Ok(()) => assert!(number != poisoned && is_sold, "{number}"),
            Err(StoreError::Aborted(error)) => {
                assert!(number == poisoned && !is_sold, "{number}: {error}");
                assert!(error.to_string().contains("poison"), "{error}");
            }
            Err(other) => panic!("{number}: {other}"),
        }
    }
}

/// The caller draws another code; the other sales need none.
async fn a_voucher_code_that_is_taken_fails_its_sale_alone(scene: Scene) {
    let orders = scene.orders(6).await;
    let taken = "INSERT INTO vouchers (code, package_code, duration_minutes, validity, \
         shared_devices, issued_at) SELECT ";
    let code = code_of(&orders[2]);
    let rest = "package_code, duration_minutes, validity, shared_devices, created_at \
         FROM payments LIMIT 1";
    scene.execute(&format!("{taken} '{code}', {rest}")).await;

    let answers = scene.write(orders.iter().map(sell).collect()).await;

    for (number, answer) in answers.iter().enumerate() {
        match number {
            2 => assert!(matches!(answer, Err(StoreError::CodeTaken)), "{answer:?}"),
            _ => assert!(answer.is_ok(), "{number}: {answer:?}"),
        }
    }
}

/// A failpoint fires once, so the second attempt, by halves, succeeds.
async fn an_error_or_a_panic_in_a_batch_costs_none_of_its_sales(scene: Scene) {
    let points = [
        Point::BeforeBegin,
        Point::AfterBegin,
        Point::AfterPayment,
        Point::AfterRows,
    ];
    let all = scene.orders(4 * 2 * points.len()).await;
    let cases = points
        .into_iter()
        .flat_map(|at| [(at, Action::Error), (at, Action::Panic)]);
    for ((at, action), orders) in cases.zip(all.chunks(4)) {
        scene.store.failpoints().arm(at, action);

        let answers = scene.write(orders.iter().map(sell).collect()).await;

        assert!(!scene.store.failpoints().is_armed(), "{at:?}");
        assert!(is_ok(&answers), "{at:?} {action:?}: {answers:?}");
        let sold = join_all(orders.iter().map(|order| scene.is_sold(order))).await;
        assert_eq!(sold, [true; 4], "{at:?} {action:?}");
    }
}
