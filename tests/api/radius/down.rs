//! A FreeRADIUS that is dead, or refuses vouchers that were sold, is not "All is well".

use std::time::{Duration, Instant};

use serde_json::Value;

use super::sell;
use super::voucher_tests::asks;
use crate::harness::freeradius::{FreeRadius, SECRET};
use crate::harness::{Kind, TestApp, TestDatabase};

on_both_databases! {
    a_dead_freeradius_is_shown_on_every_page_until_it_answers_again,
    a_sold_voucher_that_is_refused_is_shown_until_it_is_accepted,
    a_single_lost_packet_raises_no_alarm,
}

pub(super) const WELL: &str = "All is well.";
const SILENT: &str = "FreeRADIUS not answering since ";

/// Waits until the console's banner contains this text.
pub(super) async fn until_banner_says(app: &TestApp, wanted: &str) {
    let begun = Instant::now();
    let mut page = String::new();
    while begun.elapsed() < Duration::from_secs(60) {
        page = app.get_as_operator("/operator/words").await.text;
        if page.contains(wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{wanted:?} is not shown: {page}");
}

/// The value of a sample in `/metrics`.
pub(super) async fn metric(app: &TestApp, sample: &str) -> f64 {
    let text = app.get(&app.url("/metrics")).await.text;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample}"))
        .parse()
        .unwrap()
}

async fn proofs(app: &TestApp, result: &str) -> f64 {
    metric(
        app,
        &format!("malipo_radius_proofs_total{{result=\"{result}\"}}"),
    )
    .await
}

async fn report(app: &TestApp) -> Value {
    let path = "/api/v1/operator/reports/daily";
    app.get_as_operator(path).await.json()
}

async fn a_dead_freeradius_is_shown_on_every_page_until_it_answers_again(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;
    let app = TestApp::start_on(database, asks(radius.auth_port, SECRET)).await;
    for result in ["accepted", "refused", "no_answer", "unsealed"] {
        assert_eq!(proofs(&app, result).await, 0.0, "{result} is there at once");
    }
    sell(&app, "daily").await;
    let lets_in = "SELECT COUNT(*) FROM order_events WHERE kind = 'tested'";
    app.database.wait_for_count(lets_in, 1).await;
    assert_eq!(proofs(&app, "accepted").await, 1.0);
    until_banner_says(&app, WELL).await;

    let place = radius.kill();
    for _ in 0..3 {
        sell(&app, "daily").await;
    }
    until_banner_says(&app, SILENT).await;

    for page in ["/operator", "/operator/orders", "/operator/report"] {
        let page = app.get_as_operator(page).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains(SILENT), "{}", page.text);
        assert!(!page.text.contains(WELL));
    }
    assert_eq!(metric(&app, "malipo_radius_down").await, 1.0);
    assert!(proofs(&app, "no_answer").await > 0.0);

    // At the same port, and without another sale.
    let _back = place.start().await;
    until_banner_says(&app, WELL).await;
    assert_eq!(metric(&app, "malipo_radius_down").await, 0.0);
    // Vouchers sold meanwhile are tried again.
    let all = "SELECT COUNT(DISTINCT order_id) FROM order_events WHERE kind = 'tested'";
    app.database.wait_for_count(all, 4).await;
}

async fn a_sold_voucher_that_is_refused_is_shown_until_it_is_accepted(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;
    let app = TestApp::start_on(database, asks(radius.auth_port, SECRET)).await;
    let broken = "INSERT INTO radgroupcheck (groupname, attribute, op, value) VALUES ('daily', 'Auth-Type', ':=', 'Reject')";
    app.database.execute(broken).await;

    let (order, code) = sell(&app, "daily").await;

    let sentence = "1 sold voucher is refused by FreeRADIUS (1 refused in the last hour, 1 in the last \
         day; the last reason: ";
    until_banner_says(&app, sentence).await;
    for (within, reason, vouchers) in [
        ("hour", "other", 1.0),
        ("day", "other", 1.0),
        ("day", "only_as_printed", 0.0),
    ] {
        let sample = format!(
            "malipo_radius_vouchers_refused_lately{{reason=\"{reason}\",within=\"{within}\"}}"
        );
        assert_eq!(metric(&app, &sample).await, vouchers, "{sample}");
    }
    assert_eq!(proofs(&app, "refused").await, 1.0);
    assert_eq!(metric(&app, "malipo_radius_vouchers_refused").await, 1.0);
    let today = report(&app).await;
    assert_eq!(today["totals"]["refused_vouchers"]["count"], 1);
    assert_eq!(today["refused_vouchers"][0]["order_id"], order.id.as_str());
    assert!(!today.to_string().contains(&code));

    let repair = "DELETE FROM radgroupcheck WHERE groupname = 'daily'";
    app.database.execute(repair).await;

    until_banner_says(&app, WELL).await;
    assert_eq!(metric(&app, "malipo_radius_vouchers_refused").await, 0.0);
    // The refusal stays in the report, and is in the timeline once.
    assert_eq!(report(&app).await["totals"]["refused_vouchers"]["count"], 1);
    let refusals = "SELECT COUNT(*) FROM order_events WHERE kind = 'not_let_in'";
    assert_eq!(app.database.count(refusals).await, 1);
    drop(radius);
}

/// The first copy of each request is lost on the way to FreeRADIUS.
async fn a_single_lost_packet_raises_no_alarm(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;
    let lossy = lossy_port(radius.auth_port).await;
    let app = TestApp::start_on(database, asks(lossy, SECRET)).await;

    sell(&app, "daily").await;

    let tried =
        "SELECT COUNT(*) FROM order_events WHERE kind IN ('tested', 'not_let_in', 'not_tested')";
    app.database.wait_for_count(tried, 1).await;
    assert_eq!(proofs(&app, "accepted").await, 1.0);
    assert_eq!(proofs(&app, "no_answer").await, 0.0);
    until_banner_says(&app, WELL).await;
    drop(radius);
}

/// A port that forwards each request from its second copy on.
async fn lossy_port(to: u16) -> u16 {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut seen = std::collections::HashSet::new();
        let mut packet = [0; 4_096];
        loop {
            let (length, peer) = socket.recv_from(&mut packet).await.unwrap();
            if seen.insert(packet[..length].to_vec()) {
                continue;
            }
            let beyond = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
            beyond.connect(("127.0.0.1", to)).await.unwrap();
            beyond.send(&packet[..length]).await.unwrap();
            let length = beyond.recv(&mut packet).await.unwrap();
            socket.send_to(&packet[..length], peer).await.unwrap();
        }
    });
    port
}
