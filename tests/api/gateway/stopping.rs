//! The server stops while a push is in progress.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Kind, fresh_phone};
use crate::reconciling::eventually;
use crate::reconciling::zenopay::FakeZenoPay;

on_both_databases! {
    a_push_whose_guest_has_hung_up_is_recorded_although_the_server_stops,
}

async fn a_push_whose_guest_has_hung_up_is_recorded_although_the_server_stops(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    // Longer than a stop takes that has nothing to wait for.
    zenopay.push_takes(Duration::from_secs(4));
    let app = zenopay.shop(kind, |_| {}).await;
    let mut guest = TcpStream::connect(app.app.address).unwrap();
    let payload = json!({"packageId": "daily", "phoneNumber": fresh_phone()}).to_string();
    let head = "POST /api/v1/customer-portal/payment HTTP/1.1\r\nHost: portal";
    let length = payload.len();
    write!(guest, "{head}\r\nContent-Length: {length}\r\n\r\n{payload}").unwrap();
    eventually("ZenoPay is asked", async || zenopay.pushes() == 1).await;

    drop(guest);
    let database = app.stop().await;

    let recorded =
        "SELECT COUNT(*) FROM gateway_calls WHERE kind = 'create' AND answer = 'accepted'";
    assert_eq!(database.count(recorded).await, 1);
    assert_eq!(zenopay.pushes(), 1);

    // The next server does not send it again.
    let app = zenopay.shop_on(database, |_| {}).await;
    let pending = "SELECT COUNT(*) FROM payments WHERE status = 'PENDING'";
    assert_eq!(app.database.count(pending).await, 1);
    app.stop().await;
    assert_eq!(zenopay.pushes(), 1);
}
