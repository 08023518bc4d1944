//! The exactly-once drill: it passes on a correct server, and it finds every kind of fault.

use malipo::config::DatabaseConfig;
use malipo::domain::people::Secret;
use malipo::drill::{self, Plan, Progress, Target};
use malipo::store::Store;

use crate::harness::{KEY, Kind, SaleCounts, TOKEN, TestApp};

mod command_line;
mod tampering;

on_both_databases! {
    a_small_drill_passes,
}

const PLAN: Plan = Plan {
    orders: 12,
    copies: 4,
};

async fn target(app: &TestApp) -> Target {
    let config = DatabaseConfig {
        url: Secret::new(app.database.url.clone()),
        auto_migrate: false,
        ..DatabaseConfig::default()
    };
    Target {
        url: app.base.parse().unwrap(),
        token: Some(Secret::new(TOKEN)),
        key: Secret::new(KEY),
        store: Some(Store::open_beside(&config).await.unwrap()),
        scene: "in a test".to_owned(),
    }
}

async fn a_small_drill_passes(kind: Kind) {
    let app = TestApp::start(kind).await;
    let target = target(&app).await;

    let report = drill::run(&target, PLAN, &Progress::silent())
        .await
        .unwrap();

    assert!(report.passed && report.checked_database, "{report}");
    assert_eq!((report.sales.made, report.waiters.told), (12, 12));
    assert_eq!(report.sales.counted_by_server, Some(12));
    // Four initial copies in turn, then four copies with two other statuses between and two after
    // them.
    let sent = 12 * (4 + 2 + 2) + 3 * (1 + 1 + 2);
    assert_eq!(report.webhooks.sent, sent);
    assert_eq!(report.webhooks.acknowledged, sent);
    let count = async |sql: &str| app.database.count(sql).await;
    assert_eq!(
        count("SELECT COUNT(*) FROM webhook_deliveries").await,
        sent as i64
    );
    for proof in ["key", "token"] {
        let by_proof = format!("SELECT COUNT(*) FROM webhook_deliveries WHERE proof = '{proof}'");
        assert!(count(&by_proof).await > 0, "nothing is proven by {proof}");
    }
    let winners = "SELECT order_id FROM webhook_deliveries WHERE outcome = 'completed'";
    let sold = app.database.texts(winners).await;
    assert_eq!(sold.len(), 12);
    for order in sold {
        assert_eq!(app.database.sale_of(&order).await, SaleCounts::ONE);
    }
}

#[actix_web::test]
async fn a_webhook_that_is_answered_503_is_sent_again_until_it_is_taken() {
    let app = TestApp::start_with(Kind::Sqlite, |config| config.actors.in_flight_max = 2).await;
    let target = target(&app).await;
    let plan = Plan {
        orders: 1,
        copies: 8,
    };

    let report = drill::run(&target, plan, &Progress::silent())
        .await
        .unwrap();

    assert!(report.passed, "{report}");
    assert!(report.webhooks.sent_again > 0, "{report}");
    assert_eq!(report.webhooks.acknowledged, report.webhooks.sent);
}
