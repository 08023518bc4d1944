//! Identifiers that must stay secret cannot be guessed, and secrets are not logged.

use std::collections::BTreeSet;

use serde_json::json;
use uuid::{Uuid, Variant};

use super::{buy_many, code_of, sell_many};
use crate::harness::{Answer, KEY, Kind, TestApp};
use crate::reconciling::{LogLines, eventually};

on_both_databases! {
    an_order_id_cannot_be_guessed,
    voucher_codes_are_unambiguous_and_never_repeat,
    the_log_shows_no_key_no_token_no_phone_and_no_voucher_code,
}

async fn an_order_id_cannot_be_guessed(kind: Kind) {
    let app = TestApp::start(kind).await;

    let orders = buy_many(&app, 20).await;

    let ids: BTreeSet<Uuid> = (orders.iter())
        .map(|order| order.id.parse().unwrap())
        .collect();
    assert_eq!(ids.len(), orders.len());
    for id in &ids {
        assert_eq!(
            (id.get_version_num(), id.get_variant()),
            (4, Variant::RFC4122)
        );
    }
    // Ids with a clock or a counter in them would begin alike.
    let beginnings: BTreeSet<&str> = orders.iter().map(|order| &order.id[..8]).collect();
    assert_eq!(beginnings.len(), orders.len());

    // A guess reveals nothing, not even the format of an id.
    let guess = async |id: &str| {
        let path = app.portal(&format!("/payment/status/{id}"));
        app.get(&path).await
    };
    let number = guess("1").await;
    for id in [
        Uuid::new_v4().to_string(),
        "%00".to_owned(),
        "' OR 1=1".to_owned(),
    ] {
        let answer = guess(&id).await;
        assert_eq!(
            answer.verdict(),
            (404, "order_not_found".to_owned()),
            "{id}"
        );
        assert_eq!(answer.text, number.text, "{id}");
    }
    let payment_id = app.status(&orders[0]).await["payment_id"].to_string();
    assert_eq!(guess(&payment_id).await.status, 404);
}

async fn voucher_codes_are_unambiguous_and_never_repeat(kind: Kind) {
    const ORDERS: usize = 300;
    let app = TestApp::start(kind).await;
    let orders = buy_many(&app, ORDERS).await;

    sell_many(&app, &orders).await;

    let codes = app.database.texts("SELECT code FROM vouchers").await;
    let distinct: BTreeSet<&String> = codes.iter().collect();
    assert_eq!((codes.len(), distinct.len()), (ORDERS, ORDERS));
    for code in &codes {
        assert_eq!(code.len(), 8, "{code}");
        let is_clear = |c: char| "ABCDEFGHJKMNPQRSTUVWXYZ23456789".contains(c);
        assert!(code.chars().all(is_clear), "{code}");
    }
    // With 2400 symbols each of the 31 is missing with a probability below 10^-32.
    let symbols: BTreeSet<char> = codes.iter().flat_map(|code| code.chars()).collect();
    assert_eq!(symbols.len(), 31);
    // A code from a clock or a counter would hardly change at its beginning.
    let beginnings: BTreeSet<&str> = codes.iter().map(|code| &code[..4]).collect();
    assert!(beginnings.len() > ORDERS * 9 / 10, "{}", beginnings.len());
    let users = "SELECT COUNT(*) FROM radcheck JOIN vouchers ON username = code
        WHERE attribute = 'Cleartext-Password' AND value = code";
    assert_eq!(app.database.count(users).await, ORDERS as i64);
}

/// All kinds of events: sales, our own failures, strangers, nonsense.
async fn the_log_shows_no_key_no_token_no_phone_and_no_voucher_code(kind: Kind) {
    let log = LogLines::record("info,malipo=trace");
    let app = TestApp::start(kind).await;
    let (sold, failed) = (app.buy().await, app.buy().await);
    let phone = sold.phone.trim_start_matches('0').to_owned();
    let (_, token) = sold.webhook_url.rsplit_once('.').unwrap();

    app.deliver(json!({"order_id": sold.id, "payment_status": "COMPLETED", "msisdn": sold.phone, "metadata": "marked-body"}).to_string())
        .await;
    let by_token = app.http.post(&sold.webhook_url);
    let copy = format!(r#"{{"order_id":"{}","payment_status":"PAID"}}"#, sold.id);
    let copy = Answer::of(by_token.body(copy).send().await.unwrap()).await;
    app.deliver(format!("marked-body {phone}")).await;
    let wrong = app
        .unproven("marked-body")
        .header("x-api-key", "wrong-key-9");
    wrong.send().await.unwrap();
    let again = json!({"packageId": "daily", "phoneNumber": sold.phone, "amount": 1});
    app.pay(&again).await;
    let refusal = json!({"push": "refuse"});
    app.gateway_behaves(&refusal).await;
    let refused =
        json!({"packageId": "daily", "phoneNumber": sold.phone, "customerName": "marked-body"});
    app.pay(&refused).await;
    app.database
        .execute("ALTER TABLE radcheck RENAME TO radcheck_away")
        .await;
    let broken = app.deliver_word(&failed, "COMPLETED").await;
    app.database
        .execute("ALTER TABLE radcheck_away RENAME TO radcheck")
        .await;
    let code = code_of(&app.status(&sold).await);
    eventually("the SMS is in the log", async || {
        log.text()
            .lines()
            .any(|line| is_sms(line) && line.contains(&code))
    })
    .await;

    assert_eq!((copy.status, broken.status), (200, 500));
    let text = log.text();
    assert!(text.contains(&sold.id[..8]) && text.contains("webhook processed"));
    let failed_phone = failed.phone.trim_start_matches('0');
    for line in text.lines().filter(|line| !is_sms(line)) {
        for secret in [
            KEY,
            "wrong-key-9",
            "marked-body",
            token,
            &sold.id,
            &failed.id,
            &phone,
            failed_phone,
            &code,
        ] {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
    }
}

/// The sandbox's stand-in for a handset, which does not exist in live mode.
fn is_sms(line: &str) -> bool {
    line.contains(": sms to=")
}
