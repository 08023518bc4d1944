//! One order's page in each of its states.

use std::time::Duration;

use malipo::actors::Command;
use malipo::domain::order::{Evidence, OrderAct};
use malipo::domain::people::Personal;
use serde_json::json;
use tokio::time::timeout;

use super::{orders, page, submit};
use crate::harness::{Answer, Kind, TOKEN, TestApp, TestOrder};

on_both_databases! {
    a_page_that_waits_is_answered_by_the_commit,
    a_refunded_order_shows_no_code,
    a_refund_names_what_was_paid,
    a_refused_order_says_that_nothing_was_sold,
    a_voucher_that_has_ended_or_was_closed_shows_no_code,
    no_page_shows_the_whole_number,
    another_attempt_is_a_new_order_and_only_one,
    an_erased_customer_gets_no_prompt_from_the_old_order,
    the_router_s_address_stays_in_the_links_only_if_it_is_allowed,
}

async fn a_page_that_waits_is_answered_by_the_commit(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let path = format!("/order/{}?since=1&wait=45", order.id);

    let (answer, ()) = tokio::join!(timeout(Duration::from_secs(40), page(&app, &path)), async {
        app.until_parked(1).await;
        app.deliver_word(&order, "COMPLETED").await;
    });

    let answer = answer.expect("answered at the commit, not at the end of the wait");
    assert!(
        answer.text.contains(&code(&app, &order).await),
        "{}",
        answer.text
    );
}

async fn decided(app: &TestApp, order: &TestOrder, act: OrderAct, reason: &str) {
    let command = Command::of(Evidence::Operator(act, Personal::new(reason)));
    let order_id = order.id.parse().unwrap();
    let handled = app.app.api.orders.handle(order_id, command).await.unwrap();
    assert!(!handled.refused);
}

async fn pay(app: &TestApp, order: &TestOrder, amount: i64) {
    let webhook = json!({"order_id": order.id, "payment_status": "COMPLETED", "amount": amount});
    assert_eq!(app.deliver(webhook.to_string()).await.status, 200);
}

/// The text of the page and of the status document, in one language.
async fn texts_in(app: &TestApp, order: &TestOrder, language: &str) -> [String; 2] {
    let urls = [
        app.url(&format!("/order/{}", order.id)),
        app.portal(&format!("/payment/status/{}", order.id)),
    ];
    let mut texts = Vec::new();
    for url in urls {
        let request = app.http.get(url).header("accept-language", language);
        let request = request.header("accept", "text/html,application/json");
        texts.push(Answer::of(request.send().await.unwrap()).await.text);
    }
    texts.try_into().unwrap()
}

async fn a_refund_names_what_was_paid(kind: Kind) {
    let app = TestApp::start(kind).await;
    let reason = "the line was down";
    let (over, released, exact) = (app.buy().await, app.buy().await, app.buy().await);
    pay(&app, &over, 2_500).await;
    pay(&app, &released, 500).await;
    decided(&app, &released, OrderAct::Release, reason).await;
    let [sold, _] = texts_in(&app, &released, "en").await;
    assert!(sold.contains(&code(&app, &released).await), "{sold}");
    app.deliver_word(&exact, "COMPLETED").await;

    for (order, paid) in [(&over, "2,500"), (&released, "500"), (&exact, "2,000")] {
        decided(&app, order, OrderAct::Refund, reason).await;
        let [page, _] = texts_in(&app, order, "en").await;
        let lead = format!("The payment of TSh {paid} was paid back.");
        assert!(page.contains(&lead), "{page}");
    }
}

async fn a_refused_order_says_that_nothing_was_sold(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.portal.support_phone = Some("0712 000 111".to_owned());
    })
    .await;
    let order = app.buy().await;
    pay(&app, &order, 500).await;

    let reason = "typed by the owner";
    decided(&app, &order, OrderAct::Refuse, reason).await;

    let texts = [
        (
            "en",
            "TSh 500 was paid, and the price is TSh 2,000. Nothing was sold. The owner will pay \
             your money back. If the money does not come, call 0712 000 111.",
            "Nothing was sold, and the owner will pay your money back.",
        ),
        (
            "sw",
            "Ililipwa TSh 500, lakini bei ni TSh 2,000. Hakuna kilichouzwa. Mwenye duka \
             atakurudishia pesa yako. Pesa isipofika, piga simu 0712 000 111.",
            "Hakuna kilichouzwa, na mwenye duka atakurudishia pesa yako.",
        ),
    ];
    for (language, lead, sentence) in texts {
        let [page, document] = texts_in(&app, &order, language).await;
        assert!(page.contains(lead), "{page}");
        assert!(document.contains(sentence), "{document}");
        for untrue in [
            "paid back",
            "imerudishwa",
            "yamerudishwa",
            "oucher",
            "ocha",
            "typed by",
        ] {
            let main = page.split("<main").nth(1).unwrap();
            let main = main.split("</main>").next().unwrap();
            assert!(!main.contains(untrue), "{untrue}: {main}");
        }
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        let message = document["message"].as_str().unwrap();
        for untrue in ["paid back.", "imerudishwa", "oucher", "ocha"] {
            assert!(!message.contains(untrue), "{message}");
        }
    }
}

async fn a_refunded_order_shows_no_code(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let code = code(&app, &order).await;

    let reason = Personal::new("the access point was down");
    let command = Command::of(Evidence::Operator(OrderAct::Refund, reason));
    let order_id = order.id.parse().unwrap();
    app.app.api.orders.handle(order_id, command).await.unwrap();
    let shown = page(&app, &format!("/order/{}", order.id)).await;

    assert!(
        shown.text.contains("Your money was paid back"),
        "{}",
        shown.text
    );
    assert!(!shown.text.contains(&code), "{}", shown.text);
}

async fn a_voucher_that_has_ended_or_was_closed_shows_no_code(kind: Kind) {
    let app = TestApp::start(kind).await;
    for (column, said) in [
        ("expires_at", "The voucher has ended"),
        ("revoked_at", "The voucher is closed"),
    ] {
        let order = app.buy().await;
        app.deliver_word(&order, "COMPLETED").await;
        let code = code(&app, &order).await;

        let past = format!(
            "UPDATE vouchers SET {column} = (SELECT MIN(created_at) FROM packages) WHERE code = '{code}'"
        );
        assert_eq!(app.database.execute(&past).await, 1);
        let shown = page(&app, &format!("/order/{}", order.id)).await;

        assert!(shown.text.contains(said), "{}", shown.text);
        assert!(!shown.text.contains(&code), "{}", shown.text);
    }
}

async fn no_page_shows_the_whole_number(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let path = format!("/order/{}", order.id);
    let spaced = format!(
        "{} {} {}",
        &order.phone[..4],
        &order.phone[4..7],
        &order.phone[7..]
    );

    let ringing = page(&app, &path).await;
    app.deliver_word(&order, "FAILED").await;
    let failed = page(&app, &path).await;

    let masked = format!("{} … {}", &order.phone[..4], &order.phone[7..]);
    assert!(
        ringing.text.contains(&masked),
        "to be recognised: {}",
        ringing.text
    );
    let international = format!("255{}", &order.phone[1..]);
    for page in [&ringing, &failed] {
        for secret in [&spaced, &order.phone, &international] {
            assert!(!page.text.contains(secret.as_str()), "{}", page.text);
        }
    }
}

async fn another_attempt_is_a_new_order_and_only_one(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "FAILED").await;
    let again = format!("/order/{}/again", order.id);

    let first = submit(&app, &again, &[("key", "0123456789abcdef")]).await;
    let second = submit(&app, &again, &[("key", "0123456789abcdef")]).await;

    let link = first.header("location").unwrap();
    assert_eq!((first.status, second.status), (303, 303));
    assert_eq!(second.header("location"), Some(link));
    assert!(!link.contains(&order.id), "{link}");
    assert_eq!(orders(&app).await, 2);
    let sql = format!(
        "SELECT COUNT(DISTINCT phone) FROM payments WHERE phone LIKE '%{}'",
        &order.phone[1..]
    );
    assert_eq!(app.database.count(&sql).await, 1, "the same phone");
}

async fn an_erased_customer_gets_no_prompt_from_the_old_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "FAILED").await;
    let body = json!({"phone": order.phone, "reason": "asked for it"});
    let request = app.http.post(app.url("/api/v1/operator/customers/erase"));
    let erased = request.bearer_auth(TOKEN).json(&body).send().await.unwrap();
    assert_eq!(erased.status(), 200);

    let shown = page(&app, &format!("/order/{}", order.id)).await;
    let again = format!("/order/{}/again", order.id);
    let pressed = submit(&app, &again, &[("key", "0123456789abcdef")]).await;

    assert_eq!((shown.status, pressed.status), (200, 303));
    assert!(!shown.text.contains("/again"), "{}", shown.text);
    assert_eq!(orders(&app).await, 1);
}

async fn the_router_s_address_stays_in_the_links_only_if_it_is_allowed(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.portal.login_hosts = vec!["wifi.example".to_owned()];
    })
    .await;
    let order = app.buy().await;
    app.deliver(json!({"order_id": order.id, "payment_status": "COMPLETED"}).to_string())
        .await;
    let shown = |host: &'static str| {
        let path = format!("/order/{}?login=http%3A%2F%2F{host}%2Flogin", order.id);
        let app = &app;
        async move { page(app, &path).await.text }
    };

    let allowed = shown("wifi.example").await;
    let stranger = shown("evil.example").await;

    let code = code(&app, &order).await;
    let connect = format!("http://wifi.example/login?username={code}&#38;password={code}");
    assert!(allowed.contains(&connect), "{allowed}");
    assert!(stranger.contains(&code), "{stranger}");
    assert!(!stranger.contains("evil.example"), "{stranger}");
}

async fn code(app: &TestApp, order: &TestOrder) -> String {
    let document = app.wait_for(order, "COMPLETED").await;
    document["voucher_code"].as_str().unwrap().to_owned()
}
