use url::form_urlencoded::Serializer;

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

fn read(query: &str, remembered: Option<&str>, shop: &Shop) -> Visit {
    let asked = Asked {
        page: "https://portal.example/",
        query,
        remembered,
        now: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
    };
    Visit::read(&asked, shop)
}

#[test]
fn the_code_goes_to_the_router_that_sent_the_guest() {
    let visit = read(FROM_ROUTER, None, &shop());

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

    let visit = read(&query, None, &shop());

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

        let connect = read(&query, None, &shop()).connect("K7QMX2PA");

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
            read(&query, None, &shop()).connect("K7QMX2PA").is_some(),
            "{login}"
        );
    }
}

#[test]
fn the_visit_survives_its_own_links() {
    let visit = read(FROM_ROUTER, None, &shop()).in_language(Language::English);

    let link = visit.link_with("/order/1", &[("since", "3")]);
    let again = read(link.split_once('?').unwrap().1, None, &shop());

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
    let visit = read("fbclid=1&lang=fr&error=", None, &shop());

    assert_eq!(visit.link("/"), "/");
    assert_eq!(visit.refusal, None);
    assert_eq!(visit.to_remember(), None);
}

#[test]
fn a_browser_remembers_the_router_that_sent_it() {
    let visit = read(FROM_ROUTER, None, &shop());
    let cookie = visit.to_remember().unwrap();

    let later = read("lang=en", Some(&cookie), &shop());

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

    let remembered = read("", Some(evil), &shop());
    let elsewhere = read(evil, Some(known), &shop());

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
        let visit = read(&query, Some(known), &shop());
        assert_eq!(visit.refusal, refusal, "{query}");
        let stranger = read(&query, None, &shop());
        let is_known = query.contains(known);
        assert_eq!(stranger.refusal, refusal.filter(|_| is_known), "{query}");
    }
    let visit = read(&format!("{known}&refused=data-over"), None, &shop());
    assert!(!visit.link("/").contains("refused"), "it is not repeated");
}

#[test]
fn a_guest_from_no_router_is_led_to_the_only_one_there_is() {
    let one = Shop {
        login_hosts: vec!["10.5.50.1:8080".to_owned()],
        ..shop()
    };
    let only = |query, shop: &Shop| read(query, None, shop).connect_to_the_only(shop, "K7QMX2PA");

    let at_one = only("lang=en", &one);
    let elsewhere = only("login=http%3A%2F%2Fevil.example%2Flogin", &one);

    let page = "http://10.5.50.1:8080/login#code=K7QMX2PA";
    assert_eq!(at_one.as_deref(), Some(page));
    assert_eq!(elsewhere, None, "the guest is at another router");
    assert_eq!(only("", &shop()), None, "of two it could be either");
}

/// What a CoovaChilli with the secret `uam-secret` sends, and its digest of it.
const FROM_CHILLI: &str = "res=notyet&uamip=10.1.0.1&uamport=3990&challenge=abababababababababababababababab&called=00-11-22-33-44-55&mac=AA-BB-CC-00-11-22&ip=10.1.0.9&nasid=bar&userurl=http%3a%2f%2fnews.example%2f";
const MD: &str = "A9C6111A05336176335B6D6740A0605F";
/// The same with `https://portal.example` as its `uamserver`, without the slash.
const MD_WITHOUT_SLASH: &str = "96B31278AF9905AA433E6892F3EAC926";
/// The `hid` of the token `1a2b3c4d`.
const HID: &str = "0a05d7b27cc7a2b1ca704adcbd1d6e3ab2c19ece000586f03bceeabf24547e43";

/// A shop with routers of all kinds.
fn mixed_shop(uam_secret: Option<&str>) -> Shop {
    Shop {
        login_hosts: vec!["10.1.0.1:3990".to_owned(), "10.2.0.1:2050".to_owned()],
        uam_secret: uam_secret.map(Secret::new),
        fas_key: Some(Secret::new("0123456789abcdef")),
        ..shop()
    }
}

fn at(secs: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + secs, 0).unwrap()
}

fn goes_to(visit: &Visit, secs: i64) -> String {
    match visit.step("K7QMX2PA", at(secs)) {
        Some(Step::Go(url)) => url,
        Some(Step::Fetch(url)) => format!("fetch {url}"),
        Some(Step::Ask(_)) => "ask".to_owned(),
        None => "nowhere".to_owned(),
    }
}

#[test]
fn the_challenge_of_a_chilli_is_answered_while_it_is_fresh() {
    let (shop, query) = (mixed_shop(None), FROM_CHILLI);
    let visit = read(query, None, &shop);
    let page = "http://10.1.0.1:3990/logon?username=K7QMX2PA";

    assert!(visit.comes_from_router() && visit.logs_in_by_form());
    assert_eq!(visit.connect("K7QMX2PA"), None);
    let fresh = format!("{page}&response=adb1a2cd89c427f5e4f5b578d69c2940");
    assert_eq!(goes_to(&visit, 200), fresh);
    let fetched = "fetch http://10.1.0.1:3990/prelogin";
    assert_eq!(goes_to(&visit, 300), fetched);
    assert_eq!(goes_to(&visit, -300), fetched, "the clock was ahead");
    let link = visit.link("/order/1");
    let again = read(link.split_once('?').unwrap().1, None, &shop);
    assert_eq!(goes_to(&again, 200), fresh);
    assert_eq!(again.device, visit.device);
    let plain = query.replace("&challenge=abababababababababababababababab", "");
    let plain = read(&plain, None, &shop);
    assert_eq!(goes_to(&plain, 9_999), format!("{page}&password=K7QMX2PA"));
    let remembered = read("", visit.to_remember().as_deref(), &shop);
    assert_eq!(goes_to(&remembered, 300), fetched);
}

#[test]
fn with_a_secret_only_what_the_chilli_has_signed_counts() {
    let shop = mixed_shop(Some("uam-secret"));
    let with = |query: &str, md: &str| read(&format!("{query}&md={md}"), None, &shop);

    for md in [MD, MD_WITHOUT_SLASH, &MD.to_lowercase()] {
        let visit = with(FROM_CHILLI, md);
        let answered = "http://10.1.0.1:3990/logon?username=K7QMX2PA&response=2f06ccf2e2d35ea70249033813f2fb41";
        assert_eq!(goes_to(&visit, 0), answered, "{md}");
    }
    let another_device = FROM_CHILLI.replace("AA-BB", "AA-BC");
    for visit in [
        with(&another_device, MD),
        with(FROM_CHILLI, ""),
        with(FROM_CHILLI, "no hex"),
        read(FROM_CHILLI, None, &shop),
        with("res=success&uamip=10.1.0.1&uamport=3990", MD),
    ] {
        assert_eq!(goes_to(&visit, 0), "nowhere");
        assert!(!visit.comes_from_router() && !visit.is_online);
    }
}

#[test]
fn no_chilli_and_no_opennds_that_is_not_in_the_list_gets_a_code() {
    let shop = mixed_shop(None);
    for (real, evil) in [
        ("uamip=10.1.0.1", "uamip=evil.example"),
        ("uamport=3990", "uamport=80"),
        ("uamip=10.1.0.1", "uamip=10.1.0.1:3990@evil.example"),
        ("uamip=10.1.0.1", "uamip=evil.example%2F%3F"),
    ] {
        let visit = read(&FROM_CHILLI.replace(real, evil), None, &shop);
        assert_eq!(goes_to(&visit, 0), "nowhere", "{evil}");
    }
    for gateway in [
        "evil.example",
        "10.2.0.1",
        "10.2.0.1:2050@evil.example",
        "evil.example/?",
    ] {
        let visit = read(
            &from_opennds(gateway, "http%3A%2F%2Fnews.example%2F"),
            None,
            &shop,
        );
        assert_eq!(goes_to(&visit, 0), "nowhere", "{gateway}");
    }
}

#[test]
fn a_chilli_says_how_a_log_in_has_ended() {
    use RouterRefusal as R;
    let of = |more: &str| {
        let query = FROM_CHILLI.replace("res=notyet", &format!("res={more}"));
        read(&query, None, &mixed_shop(None))
    };
    for (more, refusal) in [
        (
            "failed&reason=reject&reply=The+time+of+this+voucher+is+over",
            Some(R::TimeOver),
        ),
        ("failed&reason=reject", Some(R::UnknownCode)),
        ("failed&reason=timeout", Some(R::CannotCheck)),
        ("failed&reason=other", Some(R::TooLate)),
        ("failed", Some(R::TooLate)),
        ("timeout", Some(R::CannotCheck)),
        ("logoff", None),
    ] {
        let visit = of(more);
        assert_eq!((visit.refusal, visit.is_online), (refusal, false), "{more}");
        assert_eq!(visit.has_left, more == "logoff");
    }
    let online = of("success&uid=K7QMX2PA");
    assert!(online.is_online && of("already").is_online);
    assert_eq!(online.code.as_deref(), Some("K7QMX2PA"));
}

/// What openNDS sends.
fn from_opennds(gateway: &str, origin: &str) -> String {
    use std::fmt::Write;
    let text = format!(
        "hid={HID}, clientip=192.168.1.9, clientmac=aa:bb:cc:00:11:22, client_type=cpd_can, \
         gatewayname=Pwani%20Node%3a001122334455%20, gatewayurl=, version=9.10.0, \
         gatewayaddress={gateway}, gatewaymac=001122334455, originurl={origin}, clientif=lan0"
    );
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut coded = String::from("fas=");
    for three in text.as_bytes().chunks(3) {
        let mut all = 0_u32;
        for index in 0..3 {
            all = (all << 8) | u32::from(three.get(index).copied().unwrap_or(0));
        }
        for index in 0..=three.len() {
            let letter = usize::try_from((all >> (18 - 6 * index)) & 63).unwrap();
            write!(coded, "{}", char::from(letters[letter])).unwrap();
        }
    }
    coded
}

#[test]
fn opennds_is_given_a_token_and_limits_for_this_device() {
    let shop = mixed_shop(None);
    let query = from_opennds("10.2.0.1:2050", "http%3a%2f%2fnews.example%2f");
    let visit = read(&query, None, &shop);
    let link = visit.link("/order/1");
    let again = read(link.split_once('?').unwrap().1, None, &shop);
    for visit in [visit, again] {
        let Some(Step::Ask(ask)) = visit.step("K7QMX2PA", at(9_999)) else {
            panic!("{visit:?}");
        };
        assert_eq!(ask.address, "192.168.1.9");
        assert_eq!(ask.gateway.trim(), "Pwani Node:001122334455");
        let limits = SessionLimits {
            seconds: 86_400,
            up_kbps: 2_048,
            down_kbps: 5_120,
            data_kb: 0,
        };
        let url = ask.accepted(limits, at(9_999), "https://portal.example/?online=1");
        assert_eq!(
            url,
            "http://10.2.0.1:2050/opennds_auth/\
             ?tok=6b1ee8ac2babdfcb3a50c4be5546f28a9fdc93ee3bd75d0a341dba248e105889\
             &custom=1.aabbcc001122.86400.2048.5120.0.1800009999.3df21e70c8cc20513667b8f00b8e89da973be74164c17ad3f6e6f592cf593452\
             &redir=https%3A%2F%2Fportal.example%2F%3Fonline%3D1"
        );
    }
    let refused = from_opennds(
        "10.2.0.1:2050",
        "https%3A%2F%2Fportal.example%2F%3Fonline%3D1",
    );
    let refused = read(&refused, None, &shop);
    assert_eq!(refused.refusal, Some(RouterRefusal::Other));
    assert!(!refused.is_online);
    let without_key = Shop {
        fas_key: None,
        ..shop
    };
    assert!(!read(&query, None, &without_key).logs_in_by_form());
}
