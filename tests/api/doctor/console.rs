//! The doctor's run on the console's first page.

use malipo::domain::people::{Role, Secret};

use crate::harness::{Kind, TOKEN, TestApp};
use crate::reconciling::eventually;

on_both_databases! {
    the_first_page_shows_what_the_doctor_found,
}

async fn first_page(app: &TestApp, token: &str) -> String {
    let page = app.http.get(app.url("/operator")).bearer_auth(token);
    page.send().await.unwrap().text().await.unwrap()
}

async fn the_first_page_shows_what_the_doctor_found(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.portal.login_hosts = vec!["wifi.invalid".to_owned()];
        config.server.public_url = Some("http://wifi.invalid".parse().unwrap());
        config.radius.secret = Some(Secret::new("hush-hush"));
    })
    .await;
    let viewer = app.add_operator("vera", Role::Viewer).await;

    // The first look asks for the first run.
    let first = first_page(&app, TOKEN).await;
    assert!(first.contains("being made"), "{first}");
    eventually("the run is shown", async || {
        first_page(&app, TOKEN).await.contains("passed at")
    })
    .await;

    for token in [TOKEN, &viewer] {
        let page = first_page(&app, token).await;
        let panel = page.split("id=\"checks\"").nth(1).unwrap();
        let panel = panel.split("</section>").next().unwrap();
        let failed = panel.find("login_hosts</b> (failed)").unwrap();
        let warned = panel.find("backup</b> (warning)").unwrap();
        assert!(failed < warned, "{panel}");
        assert!(panel.contains("Run deploy/backup each day"), "{panel}");
        assert!(!page.contains("hush-hush"), "{page}");
    }
}

/// Each run calls ZenoPay and the SMS provider.
#[actix_web::test]
async fn the_doctor_runs_once_however_often_the_page_is_opened() {
    let app = TestApp::start(Kind::Sqlite).await;
    first_page(&app, TOKEN).await;
    let last = app.app.api.checks.last.clone();
    eventually("it has run", async || last.borrow().is_some()).await;
    let at = last.borrow().as_ref().unwrap().at;

    for _ in 0..20 {
        first_page(&app, TOKEN).await;
    }

    assert_eq!(last.borrow().as_ref().unwrap().at, at);
}
