//! Access to the actors, the metrics and the OpenAPI document.

use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use malipo::domain::people::Role;

use super::get_from_afar;
use crate::harness::{Answer, Kind, TOKEN, TestApp};

on_both_databases! {
    the_actors_are_shown_only_with_the_token,
    metrics_and_openapi_need_the_token_unless_the_request_comes_from_this_machine,
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

/// A request: the address of its peer, and a header of a proxy.
type From = (&'static str, Option<(&'static str, &'static str)>);

/// Requests of this machine, and all others.
fn requests() -> (Vec<From>, Vec<From>) {
    let here = [
        "127.0.0.1:5000",
        "127.0.0.9:5000",
        "[::1]:5000",
        "[::ffff:127.0.0.1]:5000",
    ];
    let elsewhere = [
        "10.0.0.1:5000",
        "192.0.2.7:5000",
        "[::ffff:192.0.2.7]:5000",
        "[fe80::1]:5000",
    ];
    let forwarded = [
        ("forwarded", "for=127.0.0.1"),
        ("via", "1.1 proxy"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-for", ""),
        ("x-forwarded-host", "wifi.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-forwarded", "for=127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-client-ip", "127.0.0.1"),
        ("cf-connecting-ip", "127.0.0.1"),
        ("true-client-ip", "127.0.0.1"),
    ];
    let direct = |peers: [&'static str; 4]| peers.map(|peer| (peer, None));
    let open = direct(here).to_vec();
    let mut closed = direct(elsewhere).to_vec();
    for peer in [here[0], here[2], elsewhere[0]] {
        closed.extend(forwarded.map(|header| (peer, Some(header))));
    }
    (open, closed)
}

async fn metrics_and_openapi_need_the_token_unless_the_request_comes_from_this_machine(kind: Kind) {
    // A proxy in this list is not this machine either, and may send no header.
    let app = TestApp::start_with(kind, |config| {
        config.server.trusted_proxies = vec!["10.0.0.1".parse().unwrap()];
    })
    .await;
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let service = init_service(
        App::new()
            .app_data(web::Data::new(app.app.api.clone()))
            .configure(|routes| malipo::http::routes(routes, None)),
    )
    .await;
    let (open, closed) = requests();

    for path in ["/metrics", "/openapi.json"] {
        for (requests, without_token) in [(&open, 200), (&closed, 401)] {
            for (peer, header) in requests {
                let request = || {
                    let request = TestRequest::get()
                        .uri(path)
                        .peer_addr(peer.parse().unwrap());
                    match header {
                        Some(header) => request.insert_header(*header),
                        None => request,
                    }
                };
                let status = async |request: TestRequest| {
                    call_service(&service, request.to_request())
                        .await
                        .status()
                        .as_u16()
                };
                let bearer = |token: &str| {
                    request().insert_header(("authorization", format!("Bearer {token}")))
                };

                let what = format!("{path} {peer} {header:?}");
                assert_eq!(status(request()).await, without_token, "{what}");
                assert_eq!(status(bearer("wrong")).await, without_token, "{what}");
                assert_eq!(status(bearer(TOKEN)).await, 200, "{what}");
                assert_eq!(status(bearer(&viewer)).await, 200, "{what}");
            }
        }
    }
    // A proxy's health check has no token.
    for path in ["/health/live", "/health/ready"] {
        let answer = get_from_afar(&app, path, "x-forwarded-for", false).await;
        assert_eq!(answer.status, 200, "{path}");
    }
}
