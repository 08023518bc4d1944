use super::*;
use crate::config::{Mode, PortalConfig, SmsProvider};

const FROM_ROUTER: &str = "mac=AA%3ABB%3ACC%3A00%3A11%3A22&ip=10.5.50.9&link-login-only=http%3A%2F%2Fwifi.example%2Flogin&link-orig=http%3A%2F%2Fnews.example%2F%3Fa%3D1&chap-id=&chap-challenge=";

fn shop() -> Shop {
    let portal = PortalConfig {
        login_hosts: vec!["WiFi.example".to_owned(), "10.5.50.1:8080".to_owned()],
        ..PortalConfig::default()
    };
    Shop::new(&portal, chrono_tz::UTC, Mode::Live, SmsProvider::Log)
}

#[test]
fn the_code_goes_to_the_router_that_sent_the_guest() {
    let visit = Visit::read(FROM_ROUTER, None, &shop());

    assert_eq!(
        visit.connect("K7QMX2PA").as_deref(),
        Some(
            "http://wifi.example/login?username=K7QMX2PA&password=K7QMX2PA&dst=http%3A%2F%2Fnews.example%2F%3Fa%3D1"
        )
    );
}

#[test]
fn with_a_challenge_the_router_s_own_page_gets_the_code_behind_the_hash() {
    let query = FROM_ROUTER.replace("chap-id=", "chap-id=%5C203");

    let visit = Visit::read(&query, None, &shop());

    assert_eq!(
        visit.connect("K7QMX2PA").as_deref(),
        Some("http://wifi.example/login#code=K7QMX2PA&dst=http%3A%2F%2Fnews.example%2F%3Fa%3D1")
    );
}

#[test]
fn no_other_host_or_page_is_ever_sent_a_code() {
    for login in [
        "http://evil.example/login",
        "http://wifi.example.evil.example/login",
        "http://wifi.example:8081/login",
        "http://10.5.50.1/login",
        "http://wifi.example@evil.example/login",
        "http://user@wifi.example/login",
        "javascript:alert(1)//wifi.example",
        "//wifi.example/login",
        "wifi.example/login",
        "http://evil.example\\@wifi.example/login",
        "http://wifi.example/",
        "http://wifi.example/logout",
        "http://wifi.example/login/",
        "http://wifi.example/login?dst=http://evil.example/",
        "http://wifi.example/login?",
        "http://wifi.example/login#code=A",
    ] {
        let query = Serializer::new(String::new())
            .append_pair("login", login)
            .finish();

        let connect = Visit::read(&query, None, &shop()).connect("K7QMX2PA");

        assert_eq!(connect, None, "{login}");
    }
}

#[test]
fn a_host_counts_in_any_case_and_with_a_port_that_is_named() {
    for login in [
        "https://WIFI.EXAMPLE/login",
        "http://wifi.example:80/login",
        "http://10.5.50.1:8080/login",
    ] {
        let query = Serializer::new(String::new())
            .append_pair("login", login)
            .finish();

        assert!(
            Visit::read(&query, None, &shop())
                .connect("K7QMX2PA")
                .is_some(),
            "{login}"
        );
    }
}

#[test]
fn the_visit_survives_its_own_links() {
    let visit = Visit::read(FROM_ROUTER, None, &shop()).in_language(Language::English);

    let link = visit.link_with("/order/1", &[("since", "3")]);
    let again = Visit::read(link.split_once('?').unwrap().1, None, &shop());

    assert!(
        link.starts_with("/order/1?since=3&lang=en&mac=aabbcc001122&login="),
        "{link}"
    );
    assert_eq!(again.connect("K7QMX2PA"), visit.connect("K7QMX2PA"));
    assert_eq!(again.language, Some(Language::English));
    assert_eq!(again.device, visit.device);
    assert!(!link.contains("ip="), "what no page needs is not repeated");
}

#[test]
fn a_visit_without_anything_has_plain_links() {
    let visit = Visit::read("fbclid=1&lang=fr&error=", None, &shop());

    assert_eq!(visit.link("/"), "/");
    assert_eq!(visit.refusal, None);
    assert_eq!(visit.to_remember(), None);
}

#[test]
fn a_browser_remembers_the_router_that_sent_it() {
    let visit = Visit::read(FROM_ROUTER, None, &shop());
    let cookie = visit.to_remember().unwrap();

    let later = Visit::read("lang=en", Some(&cookie), &shop());

    assert_eq!(
        later.connect("K7QMX2PA").as_deref(),
        Some("http://wifi.example/login?username=K7QMX2PA&password=K7QMX2PA")
    );
    assert_eq!(later.device, visit.device);
    assert!(visit.comes_from_router() && !later.comes_from_router());
    assert_eq!(
        later.to_remember(),
        None,
        "only the router itself renews it"
    );
}

#[test]
fn what_a_browser_remembers_is_checked_as_a_link_is() {
    let evil = "login=http%3A%2F%2Fevil.example%2Flogin";
    let known = "login=http%3A%2F%2Fwifi.example%2Flogin";

    let remembered = Visit::read("", Some(evil), &shop());
    let elsewhere = Visit::read(evil, Some(known), &shop());

    assert_eq!(remembered.connect("K7QMX2PA"), None);
    assert_eq!(
        elsewhere.connect("K7QMX2PA"),
        None,
        "the guest is at another router"
    );
}

#[test]
fn a_refusal_is_one_of_our_reasons_from_a_known_router() {
    let known = "login=http%3A%2F%2Fwifi.example%2Flogin";
    let evil = "link-login-only=http%3A%2F%2Fevil.example%2Flogin";
    let refused = Some(RouterRefusal::DataOver);
    for (query, refusal) in [
        (format!("{known}&refused=data-over"), refused),
        (format!("error=the+traffic+limit&{known}"), refused),
        (format!("{known}&refused=%3Cb%3E"), None),
        (format!("{evil}&error=the+traffic+limit"), None),
        ("error=the+traffic+limit".to_owned(), refused),
    ] {
        let visit = Visit::read(&query, Some(known), &shop());
        assert_eq!(visit.refusal, refusal, "{query}");
        let stranger = Visit::read(&query, None, &shop());
        let is_known = query.contains(known);
        assert_eq!(stranger.refusal, refusal.filter(|_| is_known), "{query}");
    }
    let visit = Visit::read(&format!("{known}&refused=data-over"), None, &shop());
    assert!(!visit.link("/").contains("refused"), "it is not repeated");
}

#[test]
fn a_guest_from_no_router_is_led_to_the_only_one_there_is() {
    let one = Shop {
        login_hosts: vec!["10.5.50.1:8080".to_owned()],
        ..shop()
    };
    let only =
        |query, shop: &Shop| Visit::read(query, None, shop).connect_to_the_only(shop, "K7QMX2PA");

    let at_one = only("lang=en", &one);
    let elsewhere = only("login=http%3A%2F%2Fevil.example%2Flogin", &one);

    let page = "http://10.5.50.1:8080/login#code=K7QMX2PA";
    assert_eq!(at_one.as_deref(), Some(page));
    assert_eq!(elsewhere, None, "the guest is at another router");
    assert_eq!(only("", &shop()), None, "of two it could be either");
}
