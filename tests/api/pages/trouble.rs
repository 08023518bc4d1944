//! What a guest sees while the database is away or the server stops.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database};
use tokio::time::sleep;

use super::{page, submit};
use crate::harness::{Kind, TestApp};

/// PostgreSQL only: a SQLite file that is open cannot be taken away.
#[actix_web::test]
async fn a_guest_sees_that_the_shop_is_away_and_the_order_is_there_when_it_is_back() {
    let app = TestApp::start(Kind::Postgres).await;
    let order = app.buy().await;
    let path = format!("/order/{}", order.id);
    let (server, name) = app.database.url.rsplit_once('/').unwrap();
    let admin = Database::connect(format!("{server}/postgres"))
        .await
        .unwrap();

    for sql in [
        format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
    ] {
        admin.execute_unprepared(&sql).await.unwrap();
    }
    let shop = page(&app, "/").await;
    let shown = page(&app, &path).await;
    let fields = [
        ("key", "0123456789abcdef"),
        ("package", "daily:2000"),
        ("phone", "0712345678"),
    ];
    let bought = submit(&app, "/buy", &fields).await;
    admin
        .execute_unprepared(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        .await
        .unwrap();

    for answer in [shop, shown, bought] {
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(
            answer.text.contains("We will be right back"),
            "{}",
            answer.text
        );
        assert!(answer.header("retry-after").is_some());
    }
    for _ in 0..400 {
        let back = page(&app, &path).await;
        if back.status == 200 {
            assert!(back.text.contains("Look at your phone"), "{}", back.text);
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the order's page did not come back");
}
