//! Access to the actors, the metrics and the OpenAPI document.

use super::get_from_afar;
use crate::harness::{Answer, Kind, TOKEN, TestApp};

on_both_databases! {
    the_actors_are_shown_only_with_the_token,
    through_a_proxy_metrics_and_openapi_need_the_token,
}

async fn the_actors_are_shown_only_with_the_token(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let wrong = [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        TOKEN,
        &format!("Basic {TOKEN}"),
        &format!("Bearer {}", &TOKEN[1..]),
        &format!("Bearer {TOKEN}x"),
        &format!("Bearer {}", TOKEN.to_uppercase()),
        &format!("Bearer x {TOKEN}"),
    ];

    for page in [
        "/actors",
        &format!("/actors/{}", order.id),
        "/actors/x",
        "/nowhere",
    ] {
        let url = app.url(&format!("/api/v1/operator{page}"));
        let mut answers = vec![app.get(&url).await];
        for authorization in wrong {
            let request = app.http.get(&url).header("authorization", authorization);
            answers.push(Answer::of(request.send().await.unwrap()).await);
        }

        for answer in answers {
            answer.assert_problem(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert!(!answer.text.contains(TOKEN));
        }
    }
    let lower = format!("bearer {TOKEN}");
    let request = app.http.get(app.url("/api/v1/operator/actors"));
    let answer = request.header("authorization", lower).send().await.unwrap();
    assert_eq!(answer.status(), 200, "a scheme is compared in any case");
    app.get_as_operator("/api/v1/operator/nowhere")
        .await
        .assert_problem(404, "not_found");
}

async fn through_a_proxy_metrics_and_openapi_need_the_token(kind: Kind) {
    let app = TestApp::start(kind).await;

    for path in ["/metrics", "/openapi.json"] {
        assert_eq!(app.get(&app.url(path)).await.status, 200, "{path}");
        for header in [
            "x-forwarded-for",
            "forwarded",
            "x-forwarded-host",
            "x-real-ip",
        ] {
            get_from_afar(&app, path, header, false)
                .await
                .assert_problem(401, "unauthorized");
            let answer = get_from_afar(&app, path, header, true).await;
            assert_eq!(answer.status, 200, "{path} {header}");
        }
    }
    // A proxy's health check has no token.
    for path in ["/health/live", "/health/ready"] {
        let answer = get_from_afar(&app, path, "x-forwarded-for", false).await;
        assert_eq!(answer.status, 200, "{path}");
    }
}
