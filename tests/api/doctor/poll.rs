//! Proxies that do not keep a waiting guest.

use std::thread;
use std::time::{Duration, Instant};

use super::{Shop, check, check_with};
use crate::harness::Kind;
use crate::harness::front_proxy::FrontProxy;

/// A hold as long as most proxies', and the most common limit: nginx cuts at 60 s, its former shipped file and many load
/// balancers at 30 s.
#[actix_web::test]
async fn a_proxy_that_cuts_at_30_s_is_found_and_one_that_waits_passes() {
    let longest = ("MALIPO__PORTAL__WAIT_MAX_SECS", "35");
    let shop = Shop::open_with(Kind::Sqlite, &[longest]).await;
    let (good, bad) = (
        cuts_after(75_000).start(&shop.process.base),
        cuts_after(30_000).start(&shop.process.base),
    );
    let trusted = ("MALIPO__SERVER__TRUSTED_PROXIES", "127.0.0.1");
    let settings = shop.settings(&[trusted, longest]);
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

/// Whatever the longest wait is: guests wait for nearly all of it.
#[actix_web::test]
async fn a_proxy_that_cuts_just_before_the_end_of_the_longest_wait_is_found() {
    let longest = ("MALIPO__PORTAL__WAIT_MAX_SECS", "6");
    let shop = Shop::open_with(Kind::Sqlite, &[longest]).await;
    let url = cuts_after(5_700).start(&shop.process.base);
    let trusted = ("MALIPO__SERVER__TRUSTED_PROXIES", "127.0.0.1");
    let public = ("MALIPO__SERVER__PUBLIC_URL", url.as_str());

    let checked = check_with(&[], &shop.settings(&[trusted, longest, public]));

    checked.assert("poll", "failed", "ends after 5 s instead of 6 s");
}

/// A proxy that waits for an answer for this long.
fn cuts_after(millis: u64) -> FrontProxy {
    FrontProxy {
        read_timeout: Duration::from_millis(millis),
        ..FrontProxy::default()
    }
}

#[actix_web::test]
async fn a_quick_check_holds_no_poll() {
    let shop = Shop::open(Kind::Sqlite).await;
    let url = shop.process.base.as_str();

    let checked = check(&shop.settings(&[("MALIPO__SERVER__PUBLIC_URL", url)]));

    assert!(checked.rows.iter().all(|row| row["check"] != "poll"));
}
