//! Proxies that hide their guests from the server. The proxy has another address of this machine.

use std::net::Ipv4Addr;

use super::{Shop, check};
use crate::harness::Kind;
use crate::harness::front_proxy::FrontProxy;

const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const TRUSTED: &str = "MALIPO__SERVER__TRUSTED_PROXIES";

/// A server that trusts this address, checked through a proxy.
async fn checked(trusted: &str, proxy: FrontProxy) -> super::Checked {
    let shop = Shop::open_with(Kind::Sqlite, &[(TRUSTED, trusted)]).await;
    let url = proxy.start(&shop.process.base);
    let public = ("MALIPO__SERVER__PUBLIC_URL", url.as_str());
    check(&shop.settings(&[public, (TRUSTED, trusted)]))
}

#[actix_web::test]
async fn a_proxy_that_is_not_trusted_is_found() {
    let proxy = FrontProxy {
        address: PROXY,
        ..FrontProxy::default()
    };

    let without = checked("", proxy).await;
    let with = checked("127.0.0.2", proxy).await;

    without.assert("trusted_proxies", "failed", "127.0.0.2");
    without.assert(
        "forwarded_for",
        "failed",
        "Put 127.0.0.2 into server.trusted_proxies",
    );
    assert_eq!(without.code, Some(1));
    with.assert("trusted_proxies", "ok", "the client is 127.0.0.1");
    with.assert("forwarded_for", "ok", "trusted");
    assert_eq!(with.code, Some(0), "{}", with.printed);
}

#[actix_web::test]
async fn a_trusted_proxy_that_does_not_forward_the_address_is_found() {
    let proxy = FrontProxy {
        address: PROXY,
        forwards: false,
        ..FrontProxy::default()
    };

    let checked = checked("127.0.0.2", proxy).await;

    checked.assert(
        "trusted_proxies",
        "failed",
        "Have the proxy set X-Forwarded-For",
    );
}

#[actix_web::test]
async fn a_proxy_at_the_doctors_own_address_cannot_be_told_and_an_untrusted_header_still_can() {
    let trusted = checked("127.0.0.1", FrontProxy::default()).await;
    let untrusted = checked("", FrontProxy::default()).await;

    for checked in [&trusted, &untrusted] {
        checked.assert("trusted_proxies", "skipped", "share the address 127.0.0.1");
    }
    trusted.assert("forwarded_for", "ok", "trusted");
    untrusted.assert("forwarded_for", "failed", "127.0.0.1");
}

/// Through two proxies, the outer of which has the address 127.0.0.3.
async fn checked_through_two(trusted: &str, outer_forwards: bool) -> super::Checked {
    let shop = Shop::open_with(Kind::Sqlite, &[(TRUSTED, trusted)]).await;
    let inner = FrontProxy {
        address: PROXY,
        ..FrontProxy::default()
    };
    let outer = FrontProxy {
        address: Ipv4Addr::new(127, 0, 0, 3),
        forwards: outer_forwards,
        ..FrontProxy::default()
    };
    let url = outer.start(&inner.start(&shop.process.base));
    let public = ("MALIPO__SERVER__PUBLIC_URL", url.as_str());
    check(&shop.settings(&[public, (TRUSTED, trusted)]))
}

#[actix_web::test]
async fn an_outer_proxy_that_is_not_trusted_is_found_behind_one_that_is() {
    let outer_missing = checked_through_two("127.0.0.2", true).await;
    let outer_silent = checked_through_two("127.0.0.2", false).await;
    let both = checked_through_two("127.0.0.2,127.0.0.3", true).await;

    for name in ["trusted_proxies", "forwarded_for"] {
        let hint = "Put 127.0.0.3 into server.trusted_proxies";
        outer_missing.assert(name, "failed", hint);
    }
    outer_silent.assert("trusted_proxies", "failed", "the proxy 127.0.0.3");
    assert_eq!((outer_missing.code, outer_silent.code), (Some(1), Some(1)));
    both.assert("trusted_proxies", "ok", "the client is 127.0.0.1");
    assert_eq!(both.code, Some(0), "{}", both.printed);
}

#[actix_web::test]
async fn a_proxy_that_does_not_pass_webhooks_is_found() {
    let passes = checked("127.0.0.1", FrontProxy::default()).await;
    let proxy = FrontProxy {
        blocks: Some("/webhook/"),
        ..FrontProxy::default()
    };
    let blocks = checked("127.0.0.1", proxy).await;

    passes.assert("webhook_path", "ok", "arrives");
    blocks.assert("webhook_path", "failed", "answers HTTP 403");
    blocks.assert("public_url", "ok", "is this server");
    assert_eq!(blocks.code, Some(1));
}
