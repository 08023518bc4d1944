//! The order that a purchase creates.

use std::time::Duration;

use malipo::config::Mode;
use malipo::domain::people::Secret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use uuid::Uuid;

use super::order_of;
use crate::harness::{Answer, Kind, TestApp, fresh_phone};

on_both_databases! {
    a_purchase_is_answered_with_its_order,
    the_answer_is_in_the_guests_language,
    the_order_is_in_the_database_before_the_phone_rings,
    an_order_stays_the_same_when_the_package_is_edited,
    a_name_is_kept_short_and_printable,
}

async fn a_purchase_is_answered_with_its_order(kind: Kind) {
    let app = TestApp::start(kind).await;

    let answer = app
        .pay(&json!({"packageId": "daily", "phoneNumber": fresh_phone()}))
        .await;

    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    let order_id = body["order_id"].as_str().unwrap();
    let uuid: Uuid = order_id.parse().unwrap();
    assert_eq!(
        (uuid.get_version_num(), uuid.to_string()),
        (4, order_id.to_owned())
    );
    let message = body["message"].as_str().unwrap();
    assert!(!message.is_empty());
    assert_eq!(
        body,
        json!({"status": "success", "message": message, "order_id": order_id, "version": 1,
            "payment_status": "PENDING", "amount": 2000, "currency": "TZS",
            "status_url": format!("/api/v1/customer-portal/payment/status/{order_id}"),
            "resumed": false})
    );
    let document = app
        .get(&app.url(body["status_url"].as_str().unwrap()))
        .await;
    assert_eq!(document.json()["order_id"], order_id);
}

async fn the_answer_is_in_the_guests_language(kind: Kind) {
    let app = TestApp::start(kind).await;
    let message_in = async |language: &str| {
        let request = app.http.post(app.portal("/payment"));
        let body = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
        let request = request.header("accept-language", language).json(&body);
        let answer = Answer::of(request.send().await.unwrap()).await.json();
        answer["message"].as_str().unwrap().to_owned()
    };

    let (swahili, english) = (message_in("sw").await, message_in("en").await);

    assert!(swahili.contains("simu"), "{swahili}");
    assert!(english.contains("phone"), "{english}");
}

async fn the_order_is_in_the_database_before_the_phone_rings(kind: Kind) {
    let zenopay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", zenopay.local_addr().unwrap());
    let app = TestApp::start_with(kind, |config| {
        config.zenopay.mode = Mode::Live;
        config.zenopay.base_url = base_url.parse().unwrap();
        config.zenopay.api_key = Some(Secret::new("a-live-key"));
    })
    .await;
    let body = json!({"packageId": "daily", "phoneNumber": fresh_phone()});

    let (answer, order_id) = tokio::join!(app.pay(&body), async {
        // The first call, at the start, asked for ZenoPay's time and was given up.
        let (time_asked, _) = zenopay.accept().await.unwrap();
        drop(time_asked);
        let (mut connection, _) = zenopay.accept().await.unwrap();
        let order_id = pushed_order(&mut connection).await;

        // ZenoPay was called and has not answered yet; the order is already visible.
        let url = app.portal(&format!("/payment/status/{order_id}"));
        let seen = app.get(&url).await;
        let is_order = app.database.is_order(&order_id);
        let due = format!("SELECT COUNT(*) FROM payments WHERE {is_order} AND due_at IS NOT NULL");
        assert_eq!(seen.status, 200, "{}", seen.text);
        assert_eq!(seen.json()["payment_status"], "PENDING");
        assert_eq!(app.database.count(&due).await, 1);

        accept(&mut connection, &order_id).await;
        order_id
    });

    assert_eq!(order_of(&answer, "").id, order_id);
    assert_eq!(answer.status, 201);
}

/// Reads a push as ZenoPay does and returns its order id.
async fn pushed_order(connection: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let whole = async {
        loop {
            connection.read_buf(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request);
            let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
            if let Some(push) = body.and_then(|body| serde_json::from_str::<Value>(body).ok()) {
                return push["order_id"].as_str().unwrap().to_owned();
            }
        }
    };
    timeout(Duration::from_secs(20), whole).await.unwrap()
}

async fn accept(connection: &mut TcpStream, order_id: &str) {
    let body = json!({"status": "success", "resultcode": "000", "message": "Request in progress",
        "order_id": order_id})
    .to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(answer.as_bytes()).await.unwrap();
}

async fn an_order_stays_the_same_when_the_package_is_edited(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let before = app.status(&order).await;

    app.database
        .execute(
            "UPDATE packages SET price = 5000, name_sw = 'Ghali', name_en = 'Dear', \
             duration_minutes = 10, download_kbps = 64, upload_kbps = 64, shared_devices = 9, \
             retired_at = created_at WHERE code = 'daily'",
        )
        .await;
    let pending = app.status(&order).await;
    app.deliver_word(&order, "COMPLETED").await;
    let completed = app.status(&order).await;

    assert_eq!(pending, before);
    for member in ["package", "amount"] {
        assert_eq!(completed[member], before[member]);
    }
    let is_order = app.database.is_order(&order.id);
    let sold = async |what: &str| {
        let payment = format!("(SELECT id FROM payments WHERE {is_order})");
        app.database
            .count(&what.replace("$payment", &payment))
            .await
    };
    let devices = "SELECT shared_devices FROM vouchers WHERE payment_id = $payment";
    let minutes = "SELECT duration_minutes FROM vouchers WHERE payment_id = $payment";
    let amount = "SELECT amount FROM invoices WHERE payment_id = $payment";
    let number = |what: &str| {
        what.replace("SELECT ", "SELECT CAST(")
            .replacen(" FROM", " AS bigint) FROM", 1)
    };
    assert_eq!(sold(&number(devices)).await, 1);
    assert_eq!(sold(&number(minutes)).await, 1440);
    assert_eq!(sold(amount).await, 2000);
}

async fn a_name_is_kept_short_and_printable(kind: Kind) {
    let app = TestApp::start(kind).await;
    let long = "Mwanaidi ".repeat(500);

    for (given, kept) in [
        ("Asha Juma", Some("Asha Juma".to_owned())),
        (
            "  Asha\u{0} \u{1b}[31mJuma\r\n\t\u{7f}\u{85} ",
            Some("Asha [31mJuma".to_owned()),
        ),
        ("\u{0}\n\r ", None),
        ("", None),
        ("Zawadi 🎁 Ng'ombe", Some("Zawadi 🎁 Ng'ombe".to_owned())),
        (
            long.as_str(),
            Some(long.chars().take(80).collect::<String>().trim().to_owned()),
        ),
    ] {
        let phone = fresh_phone();
        let body = json!({"packageId": "daily", "phoneNumber": phone, "customerName": given});
        let order = order_of(&app.pay(&body).await, &phone);
        app.deliver_word(&order, "COMPLETED").await;

        let is_order = app.database.is_order(&order.id);
        let invoice = format!(
            "SELECT customer_name FROM invoices WHERE payment_id = \
             (SELECT id FROM payments WHERE {is_order})"
        );
        assert_eq!(app.database.text(&invoice).await, kept, "{given:?}");
    }
}
