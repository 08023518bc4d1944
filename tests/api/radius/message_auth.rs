//! Requests without Message-Authenticator, which an attacker between router and server can forge
//! (Blast-RADIUS, CVE-2024-3596).

use serde_json::json;

use super::routers::add;
use super::with_voucher;
use crate::harness::Kind;
use crate::harness::freeradius::{FreeRadius, SECRET};
use crate::harness::radius_packet::{RawRequest, Signed};

on_both_databases! {
    a_marked_router_is_answered_only_if_it_signs,
    an_unsigned_request_with_a_proxy_state_gets_no_answer_from_anyone,
}

const ACCEPT: u8 = 2;
const ROUTER_SECRET: &str = "seven-seven";

/// Whether an unsigned request is answered, while signed ones are.
async fn is_answered(
    radius: &FreeRadius,
    source: &str,
    secret: &str,
    (code, proxies): (&str, &[&str]),
) -> bool {
    let request = |signed| RawRequest::login(signed, secret, code, proxies);
    let signed = [(); 3].map(|()| request(Signed::Yes));
    let port = radius.auth_port;
    let unsigned = request(Signed::No);
    unsigned.is_answered_beside(&signed, source, port).await
}

async fn a_marked_router_is_answered_only_if_it_signs(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    for (address, name, is_marked) in [("127.0.0.7", "bar", true), ("127.0.0.8", "pool", false)] {
        let router = json!({
            "address": address, "name": name, "secret": ROUTER_SECRET,
            "require_message_auth": is_marked,
        });
        let added = add(&app, &router).await;
        assert_eq!(added.status, 201, "{}", added.text);
        let added = added.json();
        assert_eq!(added["router"]["require_message_auth"], is_marked);
    }

    // The row is read at the first packet, and remembered for a minute.
    for _ in 0..2 {
        let marked = is_answered(&radius, "127.0.0.7", ROUTER_SECRET, (&code, &[])).await;
        assert!(!marked);
    }
    for (router, secret, signed) in [
        ("127.0.0.7", ROUTER_SECRET, Signed::Yes),
        ("127.0.0.8", ROUTER_SECRET, Signed::Yes),
        ("127.0.0.8", ROUTER_SECRET, Signed::No),
        ("127.0.0.1", SECRET, Signed::No),
    ] {
        let request = RawRequest::login(signed, secret, &code, &[]);
        let reply = request.send_from(router, radius.auth_port).await;
        assert_eq!(reply.code, ACCEPT, "{router}: {:?}", reply.message);
    }
}

async fn an_unsigned_request_with_a_proxy_state_gets_no_answer_from_anyone(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    let router = json!({"address": "127.0.0.8", "name": "bar", "secret": ROUTER_SECRET});
    assert_eq!(add(&app, &router).await.status, 201);

    for (source, secret) in [("127.0.0.1", SECRET), ("127.0.0.8", ROUTER_SECRET)] {
        for code in [code.as_str(), "K7QMX2PZ"] {
            let answered = is_answered(&radius, source, secret, (code, &["state"])).await;
            assert!(!answered, "{source} {code}");
        }
    }
}
