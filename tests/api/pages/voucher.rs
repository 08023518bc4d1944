//! The page where a voucher is typed: what it shows, to whom, and how often.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::{page, submit};
use crate::harness::{Answer, Kind, TestApp, TestOrder};
use crate::owner_link::{reissue, true_code};

on_both_databases! {
    a_typed_code_shows_what_is_left_and_nothing_of_the_order,
    a_voucher_that_is_used_shows_its_devices_and_its_data,
    a_voucher_that_has_ended_is_closed_or_is_unknown_says_so,
    the_code_is_posted_and_is_in_no_address,
    a_client_that_tries_codes_takes_turns_on_the_page_and_in_the_api,
    the_shop_has_the_field,
    the_button_logs_in_where_the_router_is_known,
    a_scanned_card_leads_to_the_only_router,
    the_router_fetches_its_page_with_the_address_of_the_portal,
}

const ROUTER: &str = "login=http%3A%2F%2Fwifi.test%2Flogin";

pub async fn start(kind: Kind) -> TestApp {
    TestApp::start_with(kind, |config| {
        config.portal.login_hosts = vec!["wifi.test".to_owned()];
    })
    .await
}

/// A paid order and its code.
pub async fn sold(app: &TestApp, package: &str) -> (TestOrder, String) {
    let order = app.buy_package(package).await;
    app.deliver_word(&order, "COMPLETED").await;
    let code = true_code(app, &order).await;
    (order, code)
}

pub async fn typed(app: &TestApp, code: &str) -> Answer {
    submit(app, "/voucher", &[("code", code)]).await
}

#[track_caller]
fn assert_shows(answer: &Answer, parts: &[&str]) {
    for part in parts {
        assert!(answer.text.contains(part), "no {part:?} in {}", answer.text);
    }
}

/// A session of this voucher by a device, as FreeRADIUS writes it.
pub async fn session(app: &TestApp, kind: Kind, code: &str, device: &str) {
    let now = match kind {
        Kind::Sqlite => "CAST(strftime('%s', 'now') AS integer) - 60",
        Kind::Postgres => "now() - interval '60 seconds'",
    };
    let id = uuid::Uuid::new_v4().simple().to_string();
    let sql = format!(
        "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, \
         acctinputoctets, acctoutputoctets, callingstationid) \
         VALUES ('{id}', '{id}', '{code}', '10.0.0.1', {now}, 1048576, 1048576, '{device}')"
    );
    assert_eq!(app.database.execute(&sql).await, 1);
}

async fn a_typed_code_shows_what_is_left_and_nothing_of_the_order(kind: Kind) {
    let app = start(kind).await;
    let (order, code) = sold(&app, "daily").await;
    let link = crate::owner_link::owner_link(&app, &order).await;
    let (head, tail) = code.split_at(4);

    for spelling in [
        code.clone(),
        code.to_lowercase(),
        format!(" {}-{tail} ", head.to_lowercase()),
        format!("{head} {tail}"),
    ] {
        let answer = typed(&app, &spelling).await;

        assert_eq!(answer.status, 200, "{spelling}: {}", answer.text);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_shows(&answer, &["This voucher is new", "One day", &code]);
        assert_shows(&answer, &["Time left: 23 hours", "Valid until "]);
        assert_shows(
            &answer,
            &["Data left: unlimited", "Devices on-line now: 0 of 1"],
        );
        let local = order.phone.trim_start_matches('0');
        for private in [order.id.as_str(), &order.phone, local, &link] {
            assert!(!answer.text.contains(private), "{private}: {}", answer.text);
        }
    }
}

async fn a_voucher_that_is_used_shows_its_devices_and_its_data(kind: Kind) {
    let app = start(kind).await;
    let (_, code) = sold(&app, "daily").await;
    let limit = format!("UPDATE vouchers SET data_limit_mb = 1538 WHERE code = '{code}'");
    app.database.execute(&limit).await;
    session(&app, kind, &code, "AA-BB-CC-00-11-22").await;

    let answer = typed(&app, &code).await;

    assert_shows(&answer, &["This voucher is in use", "Data left: 1.5 GB"]);
    assert_shows(&answer, &["Devices on-line now: 1 of 1"]);
    let all = format!("UPDATE vouchers SET data_limit_mb = 2 WHERE code = '{code}'");
    app.database.execute(&all).await;
    let over = typed(&app, &code).await;
    assert_shows(
        &over,
        &["This voucher has ended", "data is used up", "Buy another"],
    );
    assert!(!over.text.contains("Time left"), "{}", over.text);
}

async fn a_voucher_that_has_ended_is_closed_or_is_unknown_says_so(kind: Kind) {
    let app = start(kind).await;
    let (order, code) = sold(&app, "daily").await;
    reissue(&app, &order).await;
    let (_, ended) = sold(&app, "daily").await;
    let past = format!(
        "UPDATE vouchers SET expires_at = '2026-01-01 00:00:00+00:00' WHERE code = '{ended}'"
    );
    app.database.execute(&past).await;
    let visit = format!("/voucher?{ROUTER}");

    for (code, status, title) in [
        (code.as_str(), 200, "This voucher is closed"),
        (ended.as_str(), 200, "This voucher has ended"),
        ("K7QMX2PZ", 404, "We do not know this voucher"),
        ("\"><script>x()", 404, "We do not know this voucher"),
        ("", 404, "We do not know this voucher"),
    ] {
        let answer = submit(&app, &visit, &[("code", code)]).await;

        assert_eq!(answer.status, status, "{code}");
        assert_shows(&answer, &[title]);
        assert!(!answer.text.contains("id=\"connect\""), "{}", answer.text);
        assert!(!answer.text.contains("<script>x"), "{}", answer.text);
        assert_eq!(answer.header("set-cookie"), None, "{code}");
    }
}

async fn the_code_is_posted_and_is_in_no_address(kind: Kind) {
    let app = start(kind).await;
    let (_, code) = sold(&app, "daily").await;

    let form = page(&app, &format!("/voucher?{ROUTER}")).await;
    let by_address = page(&app, &format!("/voucher?{ROUTER}&code={code}")).await;
    let found = typed(&app, &code).await;

    assert_shows(
        &form,
        &[
            "method=\"post\" action=\"/voucher?login=",
            "autocapitalize=\"characters\"",
        ],
    );
    assert!(!by_address.text.contains(&code), "an address opens nothing");
    assert!(
        !by_address.text.contains("Time left"),
        "{}",
        by_address.text
    );
    for address in found.text.split("href=\"").skip(1) {
        // No server is sent what follows the #, as in the link to the only router.
        let address = address.split(['"', '#']).next().unwrap();
        assert!(!address.contains(&code), "{address}");
    }
    assert_eq!(found.header("referrer-policy"), Some("same-origin"));
}

async fn a_client_that_tries_codes_takes_turns_on_the_page_and_in_the_api(kind: Kind) {
    let app = start(kind).await;
    let (_, code) = sold(&app, "daily").await;
    let api = app.portal("/voucher/K7QMX2PZ");
    for _ in 0..10 {
        assert_eq!(typed(&app, "K7QMX2PZ").await.status, 404);
        app.get(&api).await.assert_problem(404, "voucher_not_found");
    }

    assert_eq!(typed(&app, &code).await.status, 200, "not shut out");
    let begun = Instant::now();
    let crowd = join_all((0..24).map(|_| typed(&app, "K7QMX2PZ"))).await;
    assert!(begun.elapsed() >= Duration::from_secs(9), "one a second");
    let (answered, stopped): (Vec<_>, Vec<_>) = crowd.iter().partition(|it| it.status == 404);
    // A few more on a slow machine: one is allowed at once in three seconds.
    assert!((10..=16).contains(&answered.len()), "{}", answered.len());
    for answer in stopped {
        assert_eq!(answer.status, 429);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_shows(answer, &["Please wait a little"]);
    }
}

async fn the_shop_has_the_field(kind: Kind) {
    let app = start(kind).await;

    let shop = page(&app, &format!("/?{ROUTER}")).await;
    app.database
        .execute("UPDATE packages SET retired_at = created_at")
        .await;
    let empty = page(&app, "/").await;

    assert_shows(&shop, &["I have a voucher", "action=\"/voucher?login="]);
    let (field, packages) = (
        shop.text.find("name=\"code\""),
        shop.text.find("name=\"package\""),
    );
    assert!(field.unwrap() < packages.unwrap(), "above the packages");
    assert_shows(&empty, &["There are no packages now", "name=\"code\""]);
}

async fn the_button_logs_in_where_the_router_is_known(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.portal.login_hosts = vec!["wifi.test".to_owned(), "other.test".to_owned()];
    })
    .await;
    let (_, code) = sold(&app, "daily").await;

    let known = submit(&app, &format!("/voucher?{ROUTER}"), &[("code", &code)]).await;
    let chap = format!("/voucher?{ROUTER}&chap=1");
    let chap = submit(&app, &chap, &[("code", &code)]).await;
    let unknown = typed(&app, &code).await;
    let evil = "/voucher?login=http%3A%2F%2Fevil.test%2Flogin";
    let evil = submit(&app, evil, &[("code", &code)]).await;

    let url = format!("http://wifi.test/login?username={code}&#38;password={code}");
    assert_shows(&known, &[&url, "Connect now"]);
    let url = format!("http://wifi.test/login#code={code}");
    assert_shows(
        &chap,
        &[&url, "<noscript><p class=\"hint\">Type this voucher"],
    );
    for answer in [unknown, evil] {
        assert_shows(
            &answer,
            &["Join the Wi-Fi, open any page, and type this voucher there."],
        );
        assert!(!answer.text.contains("/login"), "{}", answer.text);
    }
}

async fn a_scanned_card_leads_to_the_only_router(kind: Kind) {
    let app = start(kind).await;
    let (order, code) = sold(&app, "daily").await;

    let card = typed(&app, &code).await;
    let bought = page(&app, &format!("/order/{}", order.id)).await;

    assert_shows(
        &card,
        &[
            &format!("href=\"http://wifi.test/login#code={code}\""),
            "Connect now",
            "Join the Wi-Fi, open any page",
        ],
    );
    assert!(!bought.text.contains("wifi.test"), "{}", bought.text);
}

async fn the_router_fetches_its_page_with_the_address_of_the_portal(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.server.public_url = Some("http://127.0.0.1:9/".parse().unwrap());
    })
    .await;

    let answer = app.get(&app.url("/router/login.html")).await;

    assert_eq!(answer.status, 200);
    assert_shows(
        &answer,
        &["action=\"http://127.0.0.1:9/\"", "$(link-login-only)"],
    );
    assert!(!answer.text.contains("portal.example"), "{}", answer.text);
    let how = answer.header("content-disposition").unwrap();
    assert!(
        how.starts_with("attachment"),
        "its script never runs as ours: {how}"
    );
    let answer = app.get(&app.url("/router/api.json")).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.text.contains("\"user-portal-url\""),
        "{}",
        answer.text
    );
}
