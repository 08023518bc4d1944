//! What is no right password stays none, however freely a code may be typed.

use super::spelling::{ACCEPT, REJECT, add_user, chap, pap, send_all};
use super::{sell, with_voucher};
use crate::harness::Kind;
use crate::harness::freeradius::SECRET;
use crate::harness::radius_packet::RawRequest;

on_both_databases! {
    no_wrong_password_is_accepted,
    what_a_stranger_sends_is_never_run,
}

const REFUSED: &str = "This code was not accepted";

async fn no_wrong_password_is_accepted(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    let (_, other) = sell(&app, "daily").await;
    add_user(&app, "boss", "boss").await;
    add_user(&app, "nobody", "").await;
    let lower = code.to_lowercase();
    let longer = format!("{code}{}", " ".repeat(100));
    let cut = &code[..7];
    let dotted = format!("{}.{}", &code[..4], &code[4..]);
    let ends = format!("{code}\0x");

    let mut requests = Vec::new();
    for (name, password) in [
        (&*code, &*other),
        (&lower, &other),
        (&code, cut),
        (&code, "-"),
        (&code, " "),
        (&code, "\u{a0}"),
        (&lower, "--------"),
        (&code, &longer),
        (&lower, &ends),
        (cut, cut),
        (&dotted, &dotted),
        ("BOSS", "BOSS"),
        ("boss", "BOSS"),
        ("boss", "b-o-s-s"),
        ("boss", ""),
        ("nobody", "x"),
        ("", ""),
    ] {
        requests.extend([pap(name, password), chap(name, password)]);
    }
    // An empty password is the code only by PAP, where the router's page has a single field.
    requests.push(chap(&code, ""));
    for answer in send_all(&radius, &requests).await {
        assert_eq!(answer.code, REJECT);
        assert_eq!(answer.message.as_deref(), Some(REFUSED));
    }
    let boss = [pap("boss", "boss"), pap(&code, &code)];
    for answer in send_all(&radius, &boss).await {
        assert_eq!(answer.code, ACCEPT);
    }
}

async fn what_a_stranger_sends_is_never_run(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    let lower = code.to_lowercase();
    let texts: [&[u8]; 18] = [
        b"' OR '1'='1",
        b"x' OR code > '' --",
        b"\\' OR 1=1 --",
        b"');DELETE FROM radcheck;--",
        b"%{User-Password}",
        b"%{control:Cleartext-Password}",
        b"%{sql:SELECT code FROM vouchers}",
        b"%{sql:DELETE FROM radcheck}",
        b"%{1}",
        b"${stripped_code}",
        b"`id`",
        b"%",
        b"\xff\xfe\xff\xfe\xff",
        b"\xc2\xa0\xc2\xa0\xc2\xa0\xc2",
        b"\0K7QMX2P",
        &[b'A'; 253],
        &[b'\''; 253],
        &[0xe2; 253],
    ];
    let mut requests = Vec::new();
    for text in texts {
        // A hidden password has at most 128 bytes.
        let password = &text[..text.len().min(128)];
        requests.extend([
            RawRequest::pap(SECRET, text, password),
            RawRequest::pap(SECRET, text, b""),
            RawRequest::pap(SECRET, code.as_bytes(), password),
            RawRequest::pap(SECRET, lower.as_bytes(), password),
            RawRequest::chap(SECRET, text, text),
            RawRequest::chap(SECRET, code.as_bytes(), text),
        ]);
        let joined = [lower.as_bytes(), text].concat();
        requests.push(RawRequest::pap(
            SECRET,
            &joined[..joined.len().min(253)],
            b"",
        ));
    }
    for answer in send_all(&radius, &requests).await {
        assert_eq!(answer.code, REJECT);
        assert_eq!(answer.message.as_deref(), Some(REFUSED));
    }
    let rows = app.database.count("SELECT COUNT(*) FROM radcheck").await;
    assert!(rows > 0);
    assert_eq!(pap(&lower, "").send(radius.auth_port).await.code, ACCEPT);
}
