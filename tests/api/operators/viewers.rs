//! Searches by viewers: what is found is masked, but that it is found tells that a phone or a code exists.

use futures_util::future::join_all;
use malipo::domain::people::Role;

use crate::harness::{Answer, Kind, TOKEN, TestApp};

on_both_databases! {
    a_viewers_searches_are_audited_and_limited_wherever_they_are_made,
    searches_at_once_and_in_two_processes_are_counted_one_by_one,
    an_admins_searches_and_a_viewers_other_pages_are_not_counted,
    a_viewer_learns_nothing_from_the_pages_of_actions,
}

/// A search by this phone or code, by every route that has one.
const ROUTES: [&str; 5] = [
    "/api/v1/operator/orders?q=",
    "/api/v1/operator/vouchers/",
    "/operator/orders?q=",
    "/api/v1/operator/sessions?q=",
    "/operator/sessions?q=",
];

async fn searches(app: &TestApp) -> Vec<String> {
    let sql =
        "SELECT detail FROM audit_events WHERE operator = 'vera' AND action = 'search' ORDER BY id";
    app.database.texts(sql).await
}

async fn a_viewers_searches_are_audited_and_limited_wherever_they_are_made(kind: Kind) {
    let app = TestApp::start(kind).await;
    let vera = app.add_operator("vera", Role::Viewer).await;
    let other = app.add_operator("neema", Role::Viewer).await;
    let order = app.buy().await;

    for n in 0..30 {
        // The answer tells whether the phone or the code exists, and must not tell more often.
        let tried = if n % ROUTES.len() == 1 {
            "K7QMX2PA"
        } else {
            &order.phone
        };
        let path = format!("{}{tried}", ROUTES[n % ROUTES.len()]);
        let answer = app.get_with(&path, &vera).await;
        assert!(
            [200, 404].contains(&answer.status),
            "{path}: {}",
            answer.text
        );
    }

    let made = searches(&app).await;
    assert_eq!(made.len(), 30);
    let phone = format!("255{}", &order.phone[1..]);
    assert_eq!(made[..2], [phone.as_str(), "K7QMX2PA"]);
    for route in ROUTES {
        for tried in [order.phone.as_str(), "K7QMX2PA", "0799999999", "12345678"] {
            if route.contains("vouchers") && tried != "K7QMX2PA" {
                continue;
            }
            let answer = app.get_with(&format!("{route}{tried}"), &vera).await;
            assert_eq!(answer.status, 429, "{route}{tried}: {}", answer.text);
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
        }
    }
    let api = app
        .get_with(&format!("{}{}", ROUTES[0], order.phone), &vera)
        .await;
    api.assert_problem(429, "rate_limited");
    assert_eq!(
        searches(&app).await.len(),
        30,
        "what is refused is not searched"
    );
    let free = app
        .get_with(&format!("{}{}", ROUTES[0], order.phone), &other)
        .await;
    assert_eq!(free.status, 200, "another viewer has a limit of their own");

    let earlier = match kind {
        Kind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', at, '-61 seconds')",
        Kind::Postgres => "at - interval '61 seconds'",
    };
    app.database
        .execute(&format!("UPDATE audit_events SET at = {earlier}"))
        .await;
    let later = app
        .get_with(&format!("{}{}", ROUTES[0], order.phone), &vera)
        .await;
    assert_eq!(later.status, 200, "a minute later");
}

async fn searches_at_once_and_in_two_processes_are_counted_one_by_one(kind: Kind) {
    let app = TestApp::start(kind).await;
    app.add_operator("vera", Role::Viewer).await;
    let stores = [app.store_beside().await, app.store_beside().await];

    let made = join_all((0..50).map(|n| stores[n % 2].count_search("vera", "0712345678"))).await;

    let made = made.into_iter().map(Result::unwrap);
    assert_eq!(made.filter(Option::is_none).count(), 30);
    assert_eq!(searches(&app).await.len(), 30);
}

async fn an_admins_searches_and_a_viewers_other_pages_are_not_counted(kind: Kind) {
    let app = TestApp::start(kind).await;
    let vera = app.add_operator("vera", Role::Viewer).await;
    let order = app.buy().await;

    for (token, path) in [
        (TOKEN, format!("/api/v1/operator/orders?q={}", order.phone)),
        (TOKEN, format!("/operator/orders?q={}", order.phone)),
        (&vera, format!("/api/v1/operator/orders?q={}", order.id)),
        (&vera, format!("/api/v1/operator/orders/{}", &order.id[..8])),
        (&vera, "/api/v1/operator/orders".to_owned()),
        (&vera, "/api/v1/operator/orders?q=%20".to_owned()),
        (&vera, "/operator/orders?status=PENDING".to_owned()),
    ] {
        assert_eq!(app.get_with(&path, token).await.status, 200, "{path}");
    }

    let counted = "SELECT COUNT(*) FROM audit_events WHERE action = 'search'";
    assert_eq!(app.database.count(counted).await, 0);
}

async fn a_viewer_learns_nothing_from_the_pages_of_actions(kind: Kind) {
    let app = TestApp::start(kind).await;
    let vera = app.add_operator("vera", Role::Viewer).await;
    let order = app.buy().await;
    let page = async |path: String| -> Answer { app.get_with(&path, &vera).await };

    let there = page(format!("/operator/orders/{}/refund", order.id)).await;
    let not_there = page("/operator/orders/00000000/refund".to_owned()).await;

    assert_eq!((there.status, not_there.status), (403, 403));
    assert_eq!(page("/operator/people/vera".to_owned()).await.status, 403);
}
