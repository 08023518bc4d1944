//! RADIUS packets byte by byte, written and checked without the code under test: RFC 2865 for the
//! packet, RFC 3579, section 3.2, for Message-Authenticator.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Code, identifier, length and authenticator.
const HEADER: usize = 20;
const MESSAGE_AUTHENTICATOR: u8 = 80;

/// Whether a request has a Message-Authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    Yes,
    No,
}

/// A request; `code` and `attributes` have its content.
pub struct RawRequest {
    pub bytes: Vec<u8>,
    secret: String,
}

/// An answer with a valid Response Authenticator.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    pub code: u8,
    /// The attributes' numbers, in their order.
    pub numbers: Vec<u8>,
    /// Reply-Message.
    pub message: Option<String>,
}

impl RawRequest {
    /// An Access-Request by PAP with these Proxy-States.
    pub fn login(signed: Signed, secret: &str, user: &str, proxies: &[&str]) -> Self {
        let random: [u8; 16] = rand::random();
        let hidden = hide_password(user.as_bytes(), &random, secret);
        let mut attributes = vec![
            (1, user.as_bytes()),
            (2, &hidden),
            (31, b"AA:00:00:00:00:02"),
        ];
        attributes.extend(proxies.iter().map(|proxy| (33, proxy.as_bytes())));
        Self::of(1, random, signed, secret, &attributes)
    }

    /// The same with a password other than the user's name.
    pub fn wrong_password(secret: &str, user: &str) -> Self {
        Self::pap(secret, user.as_bytes(), b"K7QMX2PZ")
    }

    /// An Access-Request by PAP, of any bytes. The password has at most 128.
    pub fn pap(secret: &str, user: &[u8], password: &[u8]) -> Self {
        let random: [u8; 16] = rand::random();
        let hidden = hide_password(password, &random, secret);
        let attributes = [(1, user), (2, hidden.as_slice())];
        Self::of(1, random, Signed::Yes, secret, &attributes)
    }

    /// An Access-Request by CHAP (RFC 2865, section 5.3), of any bytes.
    pub fn chap(secret: &str, user: &[u8], password: &[u8]) -> Self {
        let (identifier, challenge): ([u8; 1], [u8; 16]) = rand::random();
        let mut hash = Md5::new();
        hash.update(identifier);
        hash.update(password);
        hash.update(challenge);
        let answer = [identifier.as_slice(), &hash.finalize()].concat();
        let attributes = [(1, user), (3, answer.as_slice()), (60, &challenge)];
        Self::of(1, rand::random(), Signed::Yes, secret, &attributes)
    }

    /// Status-Server (RFC 5997).
    pub fn status(secret: &str) -> Self {
        Self::of(12, rand::random(), Signed::Yes, secret, &[])
    }

    fn of(
        code: u8,
        random: [u8; 16],
        signed: Signed,
        secret: &str,
        attributes: &[(u8, &[u8])],
    ) -> Self {
        let mut bytes = vec![code, rand::random(), 0, 0];
        bytes.extend(random);
        if signed == Signed::Yes {
            bytes.extend([MESSAGE_AUTHENTICATOR, 18]);
            bytes.extend([0; 16]);
        }
        for (number, value) in attributes {
            bytes.extend([*number, u8::try_from(value.len() + 2).unwrap()]);
            bytes.extend(*value);
        }
        let length = u16::try_from(bytes.len()).unwrap();
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        if signed == Signed::Yes {
            let signature = sign(&bytes, secret);
            bytes[HEADER + 2..HEADER + 18].copy_from_slice(&signature);
        }
        let secret = secret.to_owned();
        Self { bytes, secret }
    }

    /// Sends the request until an answer arrives. Fails after half a minute, or if the Response
    /// Authenticator or a Message-Authenticator of the answer is wrong.
    pub async fn send(&self, port: u16) -> RawAnswer {
        self.send_from("127.0.0.1", port).await
    }

    /// Sends the request as `send` does, from this address of the machine, to its loopback address.
    pub async fn send_from(&self, source: &str, port: u16) -> RawAnswer {
        let socket = connect(source, port).await;
        let mut answer = [0; 4_096];
        for _ in 0..10 {
            socket.send(&self.bytes).await.unwrap();
            let wait = timeout(Duration::from_secs(3), socket.recv(&mut answer));
            if let Ok(length) = wait.await {
                return self.read(&answer[..length.unwrap()]);
            }
        }
        panic!("no answer");
    }

    /// Sends the request and then, from the same socket, the others one after the other, each until an
    /// answer arrives. Returns whether this one was answered meanwhile.
    pub async fn is_answered_beside(&self, others: &[Self], source: &str, port: u16) -> bool {
        let socket = connect(source, port).await;
        let mut answer = [0; 4_096];
        socket.send(&self.bytes).await.unwrap();
        for other in others {
            let mut wait = Err(());
            for _ in 0..10 {
                socket.send(&other.bytes).await.unwrap();
                let received = timeout(Duration::from_secs(3), socket.recv(&mut answer)).await;
                wait = received.map_err(drop);
                if wait.is_ok() {
                    break;
                }
            }
            let answer = &answer[..wait.expect("no answer").unwrap()];
            // Not by the identifiers: they are random, and may be the same.
            if authenticator(answer, &self.bytes, &self.secret) == answer[4..HEADER] {
                return true;
            }
        }
        false
    }

    fn read(&self, answer: &[u8]) -> RawAnswer {
        assert_eq!(answer[1], self.bytes[1], "it answers another request");
        let expected = authenticator(answer, &self.bytes, &self.secret);
        assert_eq!(&answer[4..HEADER], expected, "Response Authenticator");
        let mut read = RawAnswer {
            code: answer[0],
            numbers: Vec::new(),
            message: None,
        };
        let mut at = HEADER;
        while at < answer.len() {
            let (number, length) = (answer[at], usize::from(answer[at + 1]));
            let value = &answer[at + 2..at + length];
            read.numbers.push(number);
            if number == MESSAGE_AUTHENTICATOR {
                let mut unsigned = answer.to_vec();
                unsigned[4..HEADER].copy_from_slice(&self.bytes[4..HEADER]);
                unsigned[at + 2..at + length].fill(0);
                assert_eq!(value, sign(&unsigned, &self.secret), "HMAC-MD5");
            } else if number == 18 {
                read.message = Some(String::from_utf8(value.to_vec()).unwrap());
            }
            at += length;
        }
        read
    }
}

/// A socket at this address, connected to the loopback address of its kind.
async fn connect(source: &str, port: u16) -> UdpSocket {
    let source: IpAddr = source.parse().unwrap();
    let server: IpAddr = match source {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let socket = UdpSocket::bind((source, 0)).await.unwrap();
    socket.connect((server, port)).await.unwrap();
    socket
}

/// An answer to `request` with these attributes; a Message-Authenticator of sixteen zeros is
/// replaced by the right value.
pub fn answer(request: &[u8], code: u8, attributes: &[(u8, &[u8])], secret: &str) -> Vec<u8> {
    let mut bytes = vec![code, request[1], 0, 0];
    bytes.extend(&request[4..HEADER]);
    let mut signature = None;
    for (number, value) in attributes {
        bytes.extend([*number, u8::try_from(value.len() + 2).unwrap()]);
        if *number == MESSAGE_AUTHENTICATOR && *value == [0; 16] {
            signature = Some(bytes.len());
        }
        bytes.extend(*value);
    }
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    if let Some(at) = signature {
        let signed = sign(&bytes, secret);
        bytes[at..at + 16].copy_from_slice(&signed);
    }
    let authenticator = authenticator(&bytes, request, secret);
    bytes[4..HEADER].copy_from_slice(&authenticator);
    bytes
}

/// RFC 2865, section 3.
fn authenticator(answer: &[u8], request: &[u8], secret: &str) -> [u8; 16] {
    let mut hash = Md5::new();
    hash.update(&answer[..4]);
    hash.update(&request[4..HEADER]);
    hash.update(&answer[HEADER..]);
    hash.update(secret);
    hash.finalize().into()
}

fn sign(packet: &[u8], secret: &str) -> [u8; 16] {
    let mut mac = Hmac::<Md5>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(packet);
    mac.finalize().into_bytes().into()
}

/// RFC 2865, section 5.2: each block is hidden by a digest of the secret and the one before.
fn hide_password(password: &[u8], random: &[u8; 16], secret: &str) -> Vec<u8> {
    let mut hidden = password.to_vec();
    hidden.resize(password.len().next_multiple_of(16).max(16), 0);
    let mut before = random.to_vec();
    for block in hidden.chunks_mut(16) {
        let mut hash = Md5::new();
        hash.update(secret);
        hash.update(&before);
        for (byte, mask) in block.iter_mut().zip(hash.finalize()) {
            *byte ^= mask;
        }
        before = block.to_vec();
    }
    hidden
}
