//! "Wrong number?": a guest gives an order up on its page, while the phone may still be ringing.

use serde_json::json;

use super::{page, submit};
use crate::harness::{Answer, Kind, SaleCounts, TestApp, TestOrder};
use crate::reconciling::{ask_about, eventually};

on_both_databases! {
    a_guest_with_a_wrong_number_chooses_again_with_the_package_chosen,
    money_for_an_order_that_was_given_up_still_sells,
    an_order_that_was_given_up_is_checked_until_zenopay_decides,
    an_order_that_is_over_or_paid_is_not_given_up,
    only_the_page_of_the_browser_that_bought_gives_the_order_up,
    an_order_that_does_not_exist_starts_no_actor,
}

/// Presses "Wrong number?".
async fn let_go(app: &TestApp, order: &TestOrder) -> Answer {
    submit(app, &format!("/order/{}/let-go", order.id), &[]).await
}

async fn shown(app: &TestApp, order: &TestOrder) -> String {
    page(app, &format!("/order/{}", order.id)).await.text
}

async fn is_due(app: &TestApp, order: &TestOrder) -> bool {
    let order = app.database.is_order(&order.id);
    let due = format!("SELECT COUNT(*) FROM payments WHERE due_at IS NOT NULL AND {order}");
    app.database.count(&due).await == 1
}

async fn a_guest_with_a_wrong_number_chooses_again_with_the_package_chosen(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy_package("weekly").await;
    assert!(shown(&app, &order).await.contains("Wrong number?"));

    let first = let_go(&app, &order).await;
    let second = let_go(&app, &order).await;

    let shop = "/?package=weekly&let-go=1";
    for answer in [&first, &second] {
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some(shop))
        );
    }
    let shop = page(&app, shop).await.text;
    let chosen = shop.split("<input").find(|tag| tag.contains(" checked"));
    assert!(chosen.unwrap().contains("value=\"weekly:10000\""), "{shop}");
    assert!(shop.contains("Enter the right number"), "{shop}");
    assert!(!shop.contains(&order.id), "{shop}");

    let document = app.status(&order).await;
    assert_eq!(document["payment_status"], "CANCELLED");
    assert_eq!(document["failure_reason"], "cancelled");
    assert_eq!(document["version"], 2, "the second press changed nothing");
    let page = shown(&app, &order).await;
    assert!(page.contains("decline it there"), "{page}");
    assert!(
        !page.contains("/again"),
        "no new prompt to that phone: {page}"
    );
    let path = format!("/api/v1/operator/orders/{}", order.id);
    let timeline = app.get_as_operator(&path).await.json()["timeline"].to_string();
    let line = "the guest gave the order up on its page";
    assert_eq!(timeline.matches(line).count(), 1, "{timeline}");
}

async fn money_for_an_order_that_was_given_up_still_sells(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let_go(&app, &order).await;

    let webhook = app.deliver_word(&order, "COMPLETED").await;

    assert_eq!(webhook.verdict(), (200, "completed".to_owned()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    let code = app.status(&order).await["voucher_code"].clone();
    let page = shown(&app, &order).await;
    assert!(page.contains(code.as_str().unwrap()), "{page}");
}

async fn an_order_that_was_given_up_is_checked_until_zenopay_decides(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (paid, declined) = (app.buy().await, app.buy().await);
    for order in [&paid, &declined] {
        let_go(&app, order).await;
        ask_about(&app, order).await;
        // The phone is still ringing.
        assert!(is_due(&app, order).await);
    }

    let lost = |decision: &str| json!({"decision": decision, "deliver": false});
    app.subscriber_decides(&paid, &lost("approve")).await;
    app.subscriber_decides(&declined, &lost("cancel")).await;
    for order in [&paid, &declined] {
        ask_about(&app, order).await;
    }

    eventually("the payment was found", async || {
        app.sale_of(&paid).await == SaleCounts::ONE
    })
    .await;
    eventually("the other order is over", async || {
        !is_due(&app, &declined).await
    })
    .await;
    assert_eq!(app.status(&declined).await["payment_status"], "CANCELLED");
}

async fn an_order_that_is_over_or_paid_is_not_given_up(kind: Kind) {
    let app = TestApp::start(kind).await;
    let short = |order: &TestOrder| {
        json!({"order_id": order.id, "payment_status": "PAID", "amount": 500}).to_string()
    };
    let (sold, held, failed) = (app.buy().await, app.buy().await, app.buy().await);
    app.deliver_word(&sold, "COMPLETED").await;
    app.deliver(short(&held)).await;
    app.deliver_word(&failed, "FAILED").await;

    for (order, status, leads_to) in [
        (&sold, "COMPLETED", format!("/order/{}", sold.id)),
        (&held, "HELD", format!("/order/{}", held.id)),
        (&failed, "FAILED", "/?package=daily&let-go=1".to_owned()),
    ] {
        assert!(!shown(&app, order).await.contains("/let-go"), "{status}");

        let answer = let_go(&app, order).await;

        assert_eq!(answer.header("location"), Some(leads_to.as_str()));
        let document = app.status(order).await;
        assert_eq!(
            (&document["payment_status"], &document["version"]),
            (&json!(status), &json!(2))
        );
    }
    assert_eq!(app.sale_of(&sold).await, SaleCounts::ONE);
}

async fn only_the_page_of_the_browser_that_bought_gives_the_order_up(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let is_order = app.database.is_order(&order.id);
    let token = format!("SELECT owner_token FROM payments WHERE {is_order}");
    let token = app.database.text(&token).await.unwrap();

    let by_sms = page(&app, &format!("/v/{token}")).await;
    let with_token = submit(&app, &format!("/order/{token}/let-go"), &[]).await;
    let unknown = format!("/order/{}/let-go", uuid::Uuid::new_v4());
    let unknown = submit(&app, &unknown, &[]).await;
    let by_link = format!("/order/{}/let-go", order.id);
    let by_link = page(&app, &by_link).await;

    assert_eq!(by_sms.status, 200);
    assert!(!by_sms.text.contains("let-go"), "{}", by_sms.text);
    assert_eq!((with_token.status, unknown.status), (404, 404));
    assert!(
        by_link.text.contains("Look at your phone"),
        "{}",
        by_link.text
    );
    assert_eq!(app.status(&order).await["payment_status"], "PENDING");
}

async fn an_order_that_does_not_exist_starts_no_actor(kind: Kind) {
    let app = TestApp::start(kind).await;

    for _ in 0..5 {
        let path = format!("/order/{}/let-go", uuid::Uuid::new_v4());
        assert_eq!(submit(&app, &path, &[]).await.status, 404);
    }

    assert!(app.app.api.orders.views().is_empty());
}
