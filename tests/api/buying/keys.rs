//! Idempotency-Key: repeating the same purchase is safe.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{order_of, orders, pushes};
use crate::harness::{Answer, Kind, TestApp, fresh_phone};

on_both_databases! {
    a_repeated_key_returns_the_same_order_in_its_current_state,
    a_key_is_for_one_phone_and_one_package,
    a_repeated_key_returns_the_old_price_when_the_package_has_changed,
    twenty_presses_with_one_key_make_one_order_and_one_push,
    one_key_used_at_once_for_two_phones_serves_one_of_them,
    a_refused_purchase_leaves_its_key_free,
    a_repeated_key_returns_the_order_whose_push_zenopay_refused,
    a_key_is_8_to_255_visible_characters,
}

const KEY: &str = "order-of-asha-0001";

async fn a_repeated_key_returns_the_same_order_in_its_current_state(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();
    let body = json!({"packageId": "daily", "phoneNumber": phone});

    let first = app.pay_with_key(&body, KEY).await;
    let again = app.pay_with_key(&body, KEY).await;
    let order = order_of(&first, &phone);
    app.deliver_word(&order, "COMPLETED").await;
    let paid = app.pay_with_key(&body, KEY).await;

    assert_eq!((first.status, again.status, paid.status), (201, 200, 200));
    let mut expected = first.json();
    expected["resumed"] = json!(true);
    assert_eq!(again.json(), expected);
    expected["payment_status"] = json!("COMPLETED");
    expected["version"] = json!(2);
    expected["message"] = app.status(&order).await["message"].clone();
    assert_eq!(paid.json(), expected);
    assert_eq!((orders(&app).await, pushes(&app).await), (1, 1));
}

async fn a_key_is_for_one_phone_and_one_package(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (phone, other) = (fresh_phone(), fresh_phone());
    let body = |package: Value, phone: &str| json!({"packageId": package, "phoneNumber": phone});
    let first = app.pay_with_key(&body(json!("daily"), &phone), KEY).await;
    let order = order_of(&first, &phone);

    for _ in 0..2 {
        for another in [
            body(json!("weekly"), &phone),
            body(json!("daily"), &other),
            body(json!("weekly"), &other),
        ] {
            app.pay_with_key(&another, KEY)
                .await
                .assert_problem(422, "idempotency_key_reused");
        }
        // Repeat it again when the order is final.
        app.deliver_word(&order, "COMPLETED").await;
    }

    let id = app.get(&app.portal("/packages")).await.json()["packages"][1]["id"].clone();
    let dressed = format!("+255 {}", &phone[1..]);
    for same in [body(id, &phone), body(json!("daily"), &dressed)] {
        let answer = app.pay_with_key(&same, KEY).await;
        assert_eq!(
            (answer.status, order_of(&answer, "").id),
            (200, order.id.clone())
        );
    }
    assert_eq!((orders(&app).await, pushes(&app).await), (1, 1));
}

async fn a_repeated_key_returns_the_old_price_when_the_package_has_changed(kind: Kind) {
    let app = TestApp::start(kind).await;
    let body = json!({"packageId": "daily", "phoneNumber": fresh_phone(), "amount": 2000});
    let first = app.pay_with_key(&body, KEY).await;

    app.database
        .execute("UPDATE packages SET price = 9999, retired_at = created_at WHERE code = 'daily'")
        .await;
    let again = app.pay_with_key(&body, KEY).await;

    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(again.json()["order_id"], first.json()["order_id"]);
    assert_eq!(again.json()["amount"], 2000);
}

async fn twenty_presses_with_one_key_make_one_order_and_one_push(kind: Kind) {
    // The narrowest limits: they must not count the repeated request itself.
    let app = TestApp::start_with(kind, |config| {
        config.limits.prompts_per_phone = 1;
        config.limits.unpaid_per_phone_day = 1;
    })
    .await;

    for presses in [2, 20] {
        let key = format!("{presses}-presses-of-a-button");
        let body = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
        let (orders_before, pushes_before) = (orders(&app).await, pushes(&app).await);

        let answers = join_all((0..presses).map(|_| app.pay_with_key(&body, &key))).await;

        let made = answers.iter().filter(|answer| answer.status == 201).count();
        let same = |answer: &Answer| answer.json()["order_id"] == answers[0].json()["order_id"];
        assert_eq!(made, 1, "{answers:#?}");
        for answer in &answers {
            assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
            assert!(same(answer), "{answers:#?}");
            assert_eq!(answer.json()["resumed"], answer.status == 200);
        }
        assert_eq!(orders(&app).await - orders_before, 1);
        assert_eq!(pushes(&app).await - pushes_before, 1);
    }
}

async fn one_key_used_at_once_for_two_phones_serves_one_of_them(kind: Kind) {
    let app = TestApp::start(kind).await;

    for round in 0..10 {
        let key = format!("round-{round}-of-the-race");
        let body = || json!({"packageId": "daily", "phoneNumber": fresh_phone()});
        let (one, other) = (body(), body());

        let (one, other) =
            tokio::join!(app.pay_with_key(&one, &key), app.pay_with_key(&other, &key));

        let refused = if one.status == 201 { other } else { one };
        refused.assert_problem(422, "idempotency_key_reused");
        assert_eq!(
            (orders(&app).await, pushes(&app).await),
            (round + 1, round + 1)
        );
    }
}

async fn a_refused_purchase_leaves_its_key_free(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.limits.prompts_per_phone = 1).await;
    let good = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let busy_phone = fresh_phone();
    let busy = json!({"packageId": "daily", "phoneNumber": busy_phone});
    app.pay(&busy).await;

    for (body, status, code) in [
        (with("amount", json!(1)), 409, "price_changed"),
        (with("packageId", json!("none")), 404, "package_not_found"),
        (with("phoneNumber", json!("12")), 422, "invalid_phone"),
        (with("currency", json!("USD")), 422, "invalid_request"),
        (with("customerName", json!(7)), 400, "invalid_request"),
        (busy, 429, "rate_limited"),
    ] {
        app.pay_with_key(&body, KEY)
            .await
            .assert_problem(status, code);
    }
    assert_eq!(orders(&app).await, 1, "only the first phone has an order");

    let answer = app.pay_with_key(&good, KEY).await;
    assert_eq!(
        (answer.status, &answer.json()["resumed"]),
        (201, &json!(false))
    );
}

async fn a_repeated_key_returns_the_order_whose_push_zenopay_refused(kind: Kind) {
    let app = TestApp::start(kind).await;
    app.gateway_behaves(&json!({"push": "refuse"})).await;
    let body = json!({"packageId": "daily", "phoneNumber": fresh_phone()});

    let refused = app.pay_with_key(&body, KEY).await;
    app.gateway_behaves(&json!({})).await;
    let again = app.pay_with_key(&body, KEY).await;

    refused.assert_problem(502, "gateway_refused");
    assert_eq!(
        (again.status, &again.json()["resumed"]),
        (200, &json!(true))
    );
    assert_eq!(again.json()["payment_status"], "FAILED");
    assert_eq!((orders(&app).await, pushes(&app).await), (1, 0));
}

async fn a_key_is_8_to_255_visible_characters(kind: Kind) {
    let app = TestApp::start(kind).await;
    let body = || json!({"packageId": "daily", "phoneNumber": fresh_phone()}).to_string();
    let send = async |key: &[u8]| {
        let key = reqwest::header::HeaderValue::from_bytes(key).unwrap();
        let request = app.http.post(app.portal("/payment")).body(body());
        Answer::of(request.header("idempotency-key", key).send().await.unwrap()).await
    };

    for key in [
        b"".as_slice(),
        b"seven77",
        b"two words",
        b"tab\tbetween",
        "mteja-wa-kwanza-\u{e9}".as_bytes(),
        b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8",
        &[b'k'; 256],
    ] {
        send(key).await.assert_problem(422, "invalid_request");
    }
    assert_eq!(orders(&app).await, 0);

    for key in [
        b"eight888".as_slice(),
        b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
        &[b'k'; 255],
    ] {
        assert_eq!(send(key).await.status, 201, "{key:?}");
    }
}
