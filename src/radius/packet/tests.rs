//! Against the example of RFC 2865 and against answers made by hand; FreeRADIUS itself is
//! asked in `tests/api/radius`.

use super::*;
use crate::domain::access::VoucherCode;

fn secret() -> Secret {
    Secret::new("xyzzy5461")
}

fn session() -> Session {
    Session {
        router: "10.9.9.9".parse().unwrap(),
        user: VoucherCode::from_stored("K7QMX2PA".to_owned()),
        id: "81a00001".to_owned(),
        address: Some(Ipv4Addr::new(10, 5, 0, 2)),
    }
}

/// An answer as a peer that knows this secret makes it.
fn answer(request: &Request, code: Code, attributes: &[u8], secret: &Secret) -> Vec<u8> {
    let mut answer = Request::new(code, request.bytes[1], [0; BLOCK]);
    answer.bytes.extend(attributes);
    answer.write_length();
    let mut bytes = answer.bytes;
    bytes[AUTHENTICATOR..HEADER].copy_from_slice(&request.bytes[AUTHENTICATOR..HEADER]);
    let digest = digest(&[&bytes], secret);
    bytes[AUTHENTICATOR..HEADER].copy_from_slice(&digest);
    bytes
}

#[test]
fn a_password_is_hidden_as_in_the_example_of_the_rfc() {
    // RFC 2865, section 7.1.
    let random = [
        0x0f, 0x40, 0x3f, 0x94, 0x73, 0x97, 0x80, 0x57, 0xbd, 0x83, 0xd5, 0xcb, 0x98, 0xf4, 0x22,
        0x7a,
    ];
    let hidden = [
        0x0d, 0xbe, 0x70, 0x8d, 0x93, 0xd4, 0x13, 0xce, 0x31, 0x96, 0xe4, 0x3f, 0x78, 0x2a, 0x0a,
        0xee,
    ];
    assert_eq!(hide_password(b"arctangent", &random, &secret()), hidden);
    assert_eq!(hide_password(&[b'a'; 17], &random, &secret()).len(), 32);
    assert_eq!(hide_password(b"", &random, &secret()).len(), 16);
}

#[test]
fn a_session_is_named_by_user_id_router_and_address() {
    let request = Request::disconnect(7, &session(), &secret());

    let bytes = &request.bytes;
    assert_eq!((bytes[0], bytes[1]), (40, 7));
    assert_eq!(whole(bytes).unwrap().len(), bytes.len());
    let found = attributes(bytes).unwrap();
    let values: Vec<_> = found.iter().map(|it| (it.number, it.value)).collect();
    let expected: [(u8, &[u8]); 4] = [
        (1, b"K7QMX2PA"),
        (44, b"81a00001"),
        (4, &[10, 9, 9, 9]),
        (8, &[10, 5, 0, 2]),
    ];
    assert_eq!(values, expected);
}

#[test]
fn an_authentic_answer_is_read() {
    let request = Request::disconnect(7, &session(), &secret());

    let ack = answer(&request, Code::DisconnectAck, &[], &secret());
    let read = request.read_answer(&ack, &secret()).unwrap();
    assert_eq!((read.code, read.error_cause), (Code::DisconnectAck, None));

    let cause = [101, 6, 0, 0, 1, 0xf7];
    let nak = answer(&request, Code::DisconnectNak, &cause, &secret());
    let read = request.read_answer(&nak, &secret()).unwrap();
    assert_eq!(
        (read.code, read.error_cause),
        (Code::DisconnectNak, Some(503))
    );
}

#[test]
fn an_answer_of_another_sender_does_not_count() {
    let request = Request::disconnect(7, &session(), &secret());
    let good = answer(&request, Code::DisconnectAck, &[], &secret());
    let read = |bytes: &[u8]| request.read_answer(bytes, &secret());

    let forged = answer(&request, Code::DisconnectAck, &[], &Secret::new("guess"));
    assert_eq!(read(&forged), Err(NotTheAnswer::NotAuthentic));
    let mut turned = good.clone();
    turned[0] = 42;
    assert_eq!(read(&turned), Err(NotTheAnswer::NotAuthentic));
    let mut other = good.clone();
    other[1] = 8;
    assert_eq!(read(&other), Err(NotTheAnswer::Stray));
    let accept = answer(&request, Code::AccessAccept, &[], &secret());
    assert_eq!(read(&accept), Err(NotTheAnswer::Stray));
    for length in 0..good.len() {
        assert_eq!(read(&good[..length]), Err(NotTheAnswer::Stray));
    }
    let padded = [good.as_slice(), &[0; 9]].concat();
    assert!(read(&padded).is_ok());
}

#[test]
fn a_wrong_message_authenticator_does_not_count() {
    let request = Request::access(3, [9; 16], "K7QMX2PA", "K7QMX2PA", &secret());
    let unsigned = [[80, 18].as_slice(), &[0; 16]].concat();
    let bad = answer(&request, Code::AccessAccept, &unsigned, &secret());

    let read = request.read_answer(&bad, &secret());

    assert_eq!(read, Err(NotTheAnswer::NotAuthentic));
}

#[test]
fn garbage_is_never_an_answer() {
    let request = Request::access(3, [9; 16], "K7QMX2PA", "K7QMX2PA", &secret());
    proptest::proptest!(|(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200))| {
        proptest::prop_assert!(request.read_answer(&bytes, &secret()).is_err());
    });
}
