//! The unique keys alone prevent a second sale, even if the actor's state, the decision and the
//! version check have all failed.

use crate::harness::{Kind, SaleCounts, TestApp};

on_both_databases! {
    an_order_that_was_reset_in_the_database_is_not_sold_twice,
    no_second_row_of_a_sale_can_be_written,
}

/// A restored backup, another program or a manual change with `psql`: the row is PENDING again.
async fn an_order_that_was_reset_in_the_database_is_not_sold_twice(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.actors.idle_secs = 0).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let code = app.status(&order).await["voucher_code"].clone();
    let is_order = app.database.is_order(&order.id);
    let set_back = format!(
        "UPDATE payments SET status = 'PENDING', version = 1, processed_at = NULL WHERE {is_order}"
    );
    app.database.execute(&set_back).await;
    // The actor is passivated, so that the next copy reads the row.
    app.actors_when(|_| {
        app.app.api.orders.passivate_idle();
        app.app.api.orders.views().is_empty()
    })
    .await;

    let copy = app.deliver_word(&order, "COMPLETED").await;

    copy.assert_problem(500, "internal");
    assert_eq!(app.journal(&order.id, "error").await, 1);
    let one_sale = SaleCounts {
        completed: 0,
        ..SaleCounts::ONE
    };
    assert_eq!(app.sale_of(&order).await, one_sale);
    let codes = app.database.texts("SELECT code FROM vouchers").await;
    assert_eq!(codes, [code.as_str().unwrap()]);
}

async fn no_second_row_of_a_sale_can_be_written(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    // Each row differs from the first one in everything except one key.
    let second_rows = [
        "INSERT INTO invoices (number, payment_id, customer_phone, package_code, description, amount, currency, issued_at)
         SELECT number || 'B', payment_id, customer_phone, package_code, description, amount, currency, issued_at FROM invoices",
        "INSERT INTO vouchers (code, payment_id, package_code, duration_minutes, validity, shared_devices, issued_at)
         SELECT 'ANOTHER2', payment_id, package_code, duration_minutes, validity, shared_devices, issued_at FROM vouchers",
        "INSERT INTO vouchers (code, payment_id, package_code, duration_minutes, validity, shared_devices, issued_at)
         SELECT code, NULL, package_code, duration_minutes, validity, shared_devices, issued_at FROM vouchers",
        "INSERT INTO sms_messages (payment_id, kind, phone, language, body, reference, state, due_at, created_at)
         SELECT payment_id, kind, phone, language, body, reference || 'B', state, due_at, created_at FROM sms_messages",
        "INSERT INTO webhook_deliveries (order_id, outcome, received_at, processing_ms, body)
         SELECT order_id, outcome, received_at, processing_ms, body FROM webhook_deliveries",
    ];
    let connection = app.database.connect().await;

    for second_row in second_rows {
        let refused = sea_orm::ConnectionTrait::execute_unprepared(&connection, second_row).await;

        let error = refused.expect_err(second_row).to_string().to_lowercase();
        assert!(error.contains("unique"), "{second_row}: {error}");
    }
}
