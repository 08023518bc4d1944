//! Finding one order among many.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Answer, Kind, TestApp, TestOrder, fresh_phone};

on_both_databases! {
    an_order_is_found_by_anything_a_guest_can_read_out,
    an_unknown_order_is_not_found_and_an_invalid_query_is_refused,
    a_list_shows_the_status_of_each_order,
    pages_stay_correct_while_orders_arrive,
    the_orders_of_one_phone_come_in_pages_too,
}

/// `GET /orders` with these parameters.
pub async fn search(app: &TestApp, parameters: &[(&str, &str)]) -> Answer {
    let query = serde_urlencoded::to_string(parameters).unwrap();
    app.get_as_operator(&format!("/api/v1/operator/orders?{query}"))
        .await
}

pub fn ids(page: &Value) -> Vec<String> {
    let orders = page["orders"].as_array().unwrap();
    orders
        .iter()
        .map(|order| order["order_id"].as_str().unwrap().to_owned())
        .collect()
}

async fn found(app: &TestApp, q: &str) -> Vec<String> {
    let answer = search(app, &[("q", q)]).await;
    assert_eq!(answer.status, 200, "{q}: {}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json()["next_cursor"], Value::Null);
    ids(&answer.json())
}

async fn an_order_is_found_by_anything_a_guest_can_read_out(kind: Kind) {
    let app = TestApp::start(kind).await;
    let orders = join_all((0..3).map(|_| app.buy())).await;
    let order = &orders[1];
    let reference = order.id[..10].replace('-', "7");
    // The third is a second charge: the guest's phone shows its reference as well.
    for (order, reference) in [
        (&orders[0], "another"),
        (order, reference.as_str()),
        (order, "QKB77SECOND"),
    ] {
        let body =
            json!({"order_id": order.id, "payment_status": "COMPLETED", "reference": reference});
        assert_eq!(app.deliver(body.to_string()).await.status, 200);
    }
    let named = app.database.is_order(&order.id);
    app.database
        .execute(&format!(
            "UPDATE payments SET transid = 'QKA81XYZ' WHERE {named}"
        ))
        .await;
    let code = app.status(order).await["voucher_code"].clone();
    let code = code.as_str().unwrap();
    let subscriber = &order.phone[1..];

    for q in [
        order.id.as_str(),
        &order.id.to_uppercase(),
        &order.id.replace('-', ""),
        &format!(" {} ", order.id),
        &order.phone,
        subscriber,
        &format!("+255 {subscriber}"),
        &format!("255{subscriber}"),
        &format!("00255-{subscriber}"),
        code,
        &code.to_lowercase(),
        &format!("{} {}", &code[..4], &code[4..]),
        &reference,
        "QKA81XYZ",
        "qka81xyz",
        "QKB77SECOND",
        "qkb77second",
    ] {
        assert_eq!(found(&app, q).await, [order.id.as_str()], "{q}");
    }
}

async fn an_unknown_order_is_not_found_and_an_invalid_query_is_refused(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    for q in [
        "00000000-0000-0000-0000-000000000000",
        "0799999999",
        "AAAAAAAA",
        "nothing",
        // A part of a phone number is not a phone number.
        &order.phone[..6],
        "%",
        "' OR 1=1 --",
    ] {
        assert_eq!(found(&app, q).await, Vec::<String>::new(), "{q}");
    }
    for (name, value) in [
        ("q", "a\0b"),
        ("q", "x".repeat(101).as_str()),
        ("status", "PAID"),
        ("limit", "0"),
        ("limit", "-1"),
        ("limit", "many"),
        ("cursor", "x"),
        ("cursor", "c0"),
        ("cursor", "' OR 1=1"),
    ] {
        search(&app, &[(name, value)])
            .await
            .assert_problem(422, "invalid_query");
    }
    let empty = [("q", ""), ("status", ""), ("limit", ""), ("cursor", "")];
    assert_eq!(ids(&search(&app, &empty).await.json()), [order.id]);
}

async fn a_list_shows_the_status_of_each_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let [pending, failed, held, paid]: [TestOrder; 4] = [
        app.buy().await,
        app.buy().await,
        app.buy().await,
        app.buy().await,
    ];
    app.deliver_word(&failed, "FAILED").await;
    let short = json!({"order_id": held.id, "payment_status": "COMPLETED", "amount": 1});
    app.deliver(short.to_string()).await;
    app.deliver_word(&paid, "COMPLETED").await;

    for (status, order) in [
        ("PENDING", &pending),
        ("FAILED", &failed),
        ("HELD", &held),
        ("COMPLETED", &paid),
        ("completed", &paid),
    ] {
        let page = search(&app, &[("status", status)]).await.json();
        assert_eq!(ids(&page), [order.id.as_str()], "{status}");
        let both = [("status", status), ("q", order.phone.as_str())];
        assert_eq!(ids(&search(&app, &both).await.json()), [order.id.as_str()]);
    }
    let other = [("status", "REFUNDED"), ("q", paid.phone.as_str())];
    assert_eq!(
        ids(&search(&app, &other).await.json()),
        Vec::<String>::new()
    );
    let newest_first = [&paid, &held, &failed, &pending].map(|order| order.id.clone());
    let page = search(&app, &[]).await.json();
    assert_eq!(ids(&page), newest_first);
    let shown = &page["orders"][1];
    assert_eq!(
        (&shown["status"], &shown["amount"], &shown["currency"]),
        (&json!("HELD"), &json!(2_000), &json!("TZS"))
    );
    assert_eq!(shown["package"]["code"], "daily");
    assert_eq!(shown["failure_reason"], "underpaid");
    assert_eq!(shown["voucher_code"], Value::Null);
}

async fn pages_stay_correct_while_orders_arrive(kind: Kind) {
    let app = TestApp::start(kind).await;
    let mut expected = Vec::new();
    for _ in 0..23 {
        expected.insert(0, app.buy().await.id);
    }

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let parameters = [("limit", "5"), ("cursor", cursor.as_str())];
        // Orders that arrive between and during two pages do not shift the pages.
        let (page, _) = tokio::join!(search(&app, &parameters), app.buy());
        app.buy().await;
        let page = page.json();
        seen.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }

    let old: Vec<_> = seen.iter().filter(|id| expected.contains(id)).collect();
    assert_eq!(
        old,
        expected.iter().collect::<Vec<_>>(),
        "each once, in order"
    );
    assert!(
        seen.len() <= expected.len() + 1,
        "new orders are not in later pages"
    );
}

async fn the_orders_of_one_phone_come_in_pages_too(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();
    let mut expected = Vec::new();
    for at in 0..7 {
        let payload = json!({"packageId": "daily", "phoneNumber": phone});
        let answer = app
            .pay_with_key(&payload, &format!("key-of-order-{at}"))
            .await;
        let id = answer.json()["order_id"].as_str().unwrap().to_owned();
        expected.insert(0, id);
        app.buy().await;
    }

    let mut seen = Vec::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let parameters = [("q", phone.as_str()), ("limit", "3"), ("cursor", &cursor)];
        let page = search(&app, &parameters).await.json();
        seen.extend(ids(&page));
        cursor = page["next_cursor"].as_str().unwrap_or_default().to_owned();
    }

    assert_eq!(seen, expected);
    assert_eq!(cursor, "", "that was the last page");
}
