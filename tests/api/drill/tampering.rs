//! Tests the checker itself: the database of a drill that passed is changed by hand, and the same
//! run is checked again.

use malipo::drill::{self, Fault, PlayedOrder, Progress, Target, Thing};

use super::{PLAN, target};
use crate::harness::{Kind, TestApp, TestDatabase};

on_both_databases! {
    each_manual_change_of_the_database_is_found_and_named,
}

async fn each_manual_change_of_the_database_is_found_and_named(kind: Kind) {
    let app = TestApp::start(kind).await;
    let target = target(&app).await;
    let played = drill::play(&target, PLAN, &Progress::silent())
        .await
        .unwrap();
    let untouched = audit_again(&target, &played).await;

    tamper(&app.database, &played).await;
    let found = audit_again(&target, &played).await;

    assert_eq!(untouched, []);
    let not_one = |thing, count| Fault::NotOne { thing, count };
    let swapped = || {
        vec![
            Fault::PolledOtherThanShown,
            Fault::PolledOtherThanStored,
            Fault::SmsWithoutCode,
        ]
    };
    let expected = [
        vec![Fault::ShownWithoutCode, not_one(Thing::Voucher, 0)],
        vec![not_one(Thing::Invoice, 2)],
        vec![Fault::NotJournalled(1)],
        vec![not_one(Thing::WinningWebhook, 0), Fault::NotJournalled(1)],
        vec![not_one(Thing::Sms, 0)],
        vec![not_one(Thing::RadiusUser, 2)],
        vec![not_one(Thing::RadiusUser, 0)],
        swapped(),
        swapped(),
    ];
    let expected: Vec<(usize, Fault)> = (0..)
        .zip(expected)
        .flat_map(|(order, faults)| faults.into_iter().map(move |fault| (order, fault)))
        .collect();
    assert_eq!(found, expected);
}

/// The checker's result for the same run on the changed database.
async fn audit_again(target: &Target, played: &[PlayedOrder]) -> Vec<(usize, Fault)> {
    let collected = drill::audit(target, played.to_vec()).await.unwrap();
    let number = |id| {
        played
            .iter()
            .position(|order| order.order_id == id)
            .unwrap()
    };
    drill::check(&collected)
        .into_iter()
        .map(|violation| (number(violation.order_id), violation.fault))
        .collect()
}

/// Damages each of the first orders in a different way.
async fn tamper(database: &TestDatabase, played: &[PlayedOrder]) {
    let order = |number: usize| played[number].order_id.to_string();
    let payment = |number| {
        let is_order = database.is_order(&order(number));
        format!("(SELECT id FROM payments WHERE {is_order})")
    };
    let voucher = |number| format!("payment_id = {}", payment(number));
    let code = async |number| {
        let ask = format!("SELECT code FROM vouchers WHERE {}", voucher(number));
        database.text(&ask).await.unwrap()
    };
    let change = async |sql: String| {
        assert!(database.execute(&sql).await > 0, "touched nothing: {sql}");
    };

    change(format!("DELETE FROM vouchers WHERE {}", voucher(0))).await;
    forget_that_an_order_has_one_invoice(database).await;
    let fields =
        "payment_id, customer_phone, package_code, description, amount, currency, issued_at";
    change(format!(
        "INSERT INTO invoices (number, {fields}) SELECT 'INV-ANOTHER', {fields} FROM invoices WHERE {}",
        voucher(1)
    ))
    .await;
    change(format!(
        "DELETE FROM webhook_deliveries WHERE id = (SELECT MIN(id) FROM webhook_deliveries \
         WHERE outcome = 'duplicate' AND order_id = '{}')",
        order(2)
    ))
    .await;
    change(format!(
        "DELETE FROM webhook_deliveries WHERE outcome = 'completed' AND order_id = '{}'",
        order(3)
    ))
    .await;
    change(format!("DELETE FROM sms_messages WHERE {}", voucher(4))).await;
    change(format!(
        "INSERT INTO radcheck (username, attribute, op, value) \
         SELECT username, attribute, op, value FROM radcheck \
         WHERE attribute = 'Cleartext-Password' AND username = '{}'",
        code(5).await
    ))
    .await;
    change(format!(
        "DELETE FROM radcheck WHERE username = '{}'",
        code(6).await
    ))
    .await;
    // The swap needs a temporary third code, because no two vouchers may have the same code.
    let (seventh, eighth) = (code(7).await, code(8).await);
    for (number, code) in [(7, "PARKED22"), (8, &seventh), (7, &eighth)] {
        change(format!(
            "UPDATE vouchers SET code = '{code}' WHERE {}",
            voucher(number)
        ))
        .await;
    }
}

async fn forget_that_an_order_has_one_invoice(database: &TestDatabase) {
    let sql = match database.kind {
        // SQLite cannot drop a key, but a table made from a query has none.
        Kind::Sqlite => {
            "CREATE TABLE copied AS SELECT * FROM invoices; \
             DROP TABLE invoices; \
             ALTER TABLE copied RENAME TO invoices;"
        }
        Kind::Postgres => "ALTER TABLE invoices DROP CONSTRAINT invoices_payment_id_key",
    };
    database.execute(sql).await;
}
