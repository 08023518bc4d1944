//! Proxies that do not keep a waiting guest.

use std::thread;
use std::time::{Duration, Instant};

use super::{Shop, check, check_with};
use crate::harness::Kind;
use crate::harness::front_proxy::FrontProxy;

/// The real hold and the most common limit: nginx cuts at 60 s, its former shipped file and many load
/// balancers at 30 s.
#[actix_web::test]
async fn a_proxy_that_cuts_at_30_s_is_found_and_one_that_waits_passes() {
    let shop = Shop::open(Kind::Sqlite).await;
    let cuts = |secs| FrontProxy {
        read_timeout: Duration::from_secs(secs),
        ..FrontProxy::default()
    };
    let (good, bad) = (
        cuts(75).start(&shop.process.base),
        cuts(30).start(&shop.process.base),
    );
    let trusted = ("MALIPO__SERVER__TRUSTED_PROXIES", "127.0.0.1");
    let settings = shop.settings(&[trusted]);
    let through = |url: &str| {
        let public = ("MALIPO__SERVER__PUBLIC_URL", url);
        check_with(&[], &[&settings[..], &[public][..]].concat())
    };

    let began = Instant::now();
    let (passed, cut) = thread::scope(|scope| {
        let (passed, cut) = (
            scope.spawn(|| through(&good)),
            scope.spawn(|| through(&bad)),
        );
        (passed.join(), cut.join())
    });

    passed.unwrap().assert("poll", "ok", "kept for 35 s");
    let cut = cut.unwrap();
    cut.assert(
        "poll",
        "failed",
        "ends after 30 s instead of 35 s, with HTTP 504",
    );
    cut.assert("poll", "failed", "proxy_read_timeout 75s");
    assert_eq!(cut.code, Some(1));
    assert!(began.elapsed() >= Duration::from_secs(35), "it was held");
}

#[actix_web::test]
async fn a_quick_check_holds_no_poll() {
    let shop = Shop::open(Kind::Sqlite).await;
    let url = shop.process.base.as_str();

    let checked = check(&shop.settings(&[("MALIPO__SERVER__PUBLIC_URL", url)]));

    assert!(checked.rows.iter().all(|row| row["check"] != "poll"));
}
