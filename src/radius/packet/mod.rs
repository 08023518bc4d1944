//! The RADIUS packets that we need: Access-Request with its answers (RFC 2865),
//! signed by Message-Authenticator (RFC 3579), and Disconnect-Request (RFC 5176).
//!
//! # Invariants
//!
//! - An answer counts only if its Response Authenticator shows that the sender knows our secret
//!   and answers this very request.
//! - An answer to an Access-Request counts only with a valid Message-Authenticator: the Response
//!   Authenticator alone can be forged on the way (Blast-RADIUS, CVE-2024-3596).

use std::net::{IpAddr, Ipv4Addr};

use subtle::ConstantTimeEq;

use crate::domain::access::{DeviceMac, Session, SessionLimits};
use crate::domain::people::Secret;

mod crypto;
mod limits;

use crypto::{BLOCK, chap_digest, digest, hide_password, sign};

/// Code, identifier, length and authenticator (RFC 2865, section 3).
const HEADER: usize = 20;
/// Where the authenticator begins.
const AUTHENTICATOR: usize = 4;
/// Longest packet (RFC 2865, section 3).
pub const LONGEST: usize = 4_096;
/// Longest value of one attribute.
const LONGEST_VALUE: usize = 253;

/// Numbers of attributes (RFC 2865 and 2866, 3162, 3579, 5176).
mod number {
    pub const USER_NAME: u8 = 1;
    pub const USER_PASSWORD: u8 = 2;
    pub const CHAP_PASSWORD: u8 = 3;
    pub const NAS_IP_ADDRESS: u8 = 4;
    pub const FRAMED_IP_ADDRESS: u8 = 8;
    pub const REPLY_MESSAGE: u8 = 18;
    pub const CALLING_STATION_ID: u8 = 31;
    pub const NAS_IDENTIFIER: u8 = 32;
    pub const ACCT_SESSION_ID: u8 = 44;
    pub const MESSAGE_AUTHENTICATOR: u8 = 80;
    pub const NAS_IPV6_ADDRESS: u8 = 95;
    pub const ERROR_CAUSE: u8 = 101;
}

/// How a router asks about a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The password itself, hidden on the way.
    Pap,
    /// A digest of it.
    Chap,
}

/// A guest at a router for which we ask.
#[derive(Clone, Debug)]
pub struct Guest<'a> {
    /// The device, if the router named one.
    pub device: Option<&'a DeviceMac>,
    /// Its address in the hotspot.
    pub address: Option<Ipv4Addr>,
    /// What the router calls itself.
    pub router: &'a str,
}

/// What we call ourselves where we ask for nobody.
const NOBODY: Guest<'static> = Guest {
    device: None,
    address: None,
    router: "malipo",
};

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::FromRepr)]
#[repr(u8)]
pub enum Code {
    /// Asks whether a user may log in.
    AccessRequest = 1,
    /// The user may log in.
    AccessAccept = 2,
    /// The user may not log in.
    AccessReject = 3,
    /// Asks to end a session.
    DisconnectRequest = 40,
    /// The session is ended.
    DisconnectAck = 41,
    /// The session is not ended.
    DisconnectNak = 42,
}

/// A request. A retransmission sends the same bytes, or the receiver would take it for another
/// request.
#[derive(Clone)]
pub struct Request {
    /// What is sent.
    pub(super) bytes: Vec<u8>,
}

/// What came back, and is authentic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub code: Code,
    /// Why a router did not end a session, if it says (RFC 5176, section 3.5).
    pub error_cause: Option<u32>,
    /// A text for the user.
    pub message: Option<String>,
    /// What it allows.
    pub limits: SessionLimits,
    /// The place of its Message-Authenticator.
    pub seal: AuthenticatorPlace,
}

/// Where a valid Message-Authenticator is in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticatorPlace {
    /// It is the first attribute, so that no attacker can put bytes of their choice before it.
    First,
    /// Other attributes come before it.
    NotFirst,
    /// There is none.
    Absent,
}

/// Why a datagram is not the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTheAnswer {
    /// It answers another request, or is no RADIUS packet.
    #[error("it is not an answer to this request")]
    Stray,
    /// Its sender does not know our secret.
    #[error("it is signed with another secret")]
    NotAuthentic,
    /// It answers an Access-Request and has no Message-Authenticator.
    #[error("it has no Message-Authenticator")]
    Unsealed,
}

impl Request {
    /// Asks whether a user with this password may log in by PAP; see [`Self::log_in`].
    pub fn access(
        identifier: u8,
        random: [u8; 16],
        user: &str,
        password: &str,
        secret: &Secret,
    ) -> Self {
        let login = (user, password, Method::Pap);
        Self::log_in(identifier, random, login, None, secret)
    }

    /// Asks whether a user with this password may log in, for a guest or to see whether it can.
    /// `random` must be new for each request, because it hides the password and is the challenge.
    pub fn log_in(
        identifier: u8,
        random: [u8; 16],
        (user, password, method): (&str, &str, Method),
        guest: Option<&Guest<'_>>,
        secret: &Secret,
    ) -> Self {
        let guest = guest.unwrap_or(&NOBODY);
        let mut packet = Self::new(Code::AccessRequest, identifier, random);
        // First, so that the prefix attack on MD5 (Blast-RADIUS) cannot put bytes before it. Signed
        // over zeros in its place.
        packet.push(number::MESSAGE_AUTHENTICATOR, &[0; BLOCK]);
        let signature = packet.bytes.len() - BLOCK..packet.bytes.len();
        packet.push(number::USER_NAME, user.as_bytes());
        match method {
            Method::Pap => {
                let hidden = hide_password(password.as_bytes(), &random, secret);
                packet.push(number::USER_PASSWORD, &hidden);
            }
            Method::Chap => {
                let digest = chap_digest(identifier, password.as_bytes(), &random);
                packet.push(
                    number::CHAP_PASSWORD,
                    &[&[identifier][..], &digest].concat(),
                );
            }
        }
        if let Some(address) = guest.address {
            packet.push(number::FRAMED_IP_ADDRESS, &address.octets());
        }
        if let Some(device) = guest.device {
            packet.push(number::CALLING_STATION_ID, device.expose().as_bytes());
        }
        packet.push(number::NAS_IDENTIFIER, guest.router.as_bytes());
        packet.write_length();
        let signed = sign(&packet.bytes, secret);
        packet.bytes[signature].copy_from_slice(&signed);
        packet
    }

    /// Asks a router to end a session. Without Event-Timestamp: a router without a clock of
    /// its own starts in the past and would drop the request as stale, and a replay does
    /// no harm, for the session is then gone. Without Calling-Station-Id: every attribute must match
    /// the router's own spelling, and FreeRADIUS stores one spelling for all routers.
    pub fn disconnect(identifier: u8, session: &Session, secret: &Secret) -> Self {
        let mut packet = Self::new(Code::DisconnectRequest, identifier, [0; BLOCK]);
        packet.push(number::USER_NAME, session.user.as_str().as_bytes());
        packet.push(number::ACCT_SESSION_ID, session.id.as_bytes());
        match session.router {
            IpAddr::V4(router) => packet.push(number::NAS_IP_ADDRESS, &router.octets()),
            IpAddr::V6(router) => packet.push(number::NAS_IPV6_ADDRESS, &router.octets()),
        }
        if let Some(address) = session.address {
            packet.push(number::FRAMED_IP_ADDRESS, &Ipv4Addr::octets(&address));
        }
        packet.write_length();
        // As in Accounting-Request: over the packet with sixteen zeros in this place.
        let digest = digest(&[&packet.bytes], secret);
        packet.bytes[AUTHENTICATOR..HEADER].copy_from_slice(&digest);
        packet
    }

    fn new(code: Code, identifier: u8, authenticator: [u8; BLOCK]) -> Self {
        let mut bytes = vec![code as u8, identifier, 0, 0];
        bytes.extend(authenticator);
        Self { bytes }
    }

    /// Adds an attribute. Longer values are cut: what we send are codes, addresses and session ids.
    fn push(&mut self, number: u8, value: &[u8]) {
        let value = &value[..value.len().min(LONGEST_VALUE)];
        let length = u8::try_from(value.len() + 2).unwrap_or(u8::MAX);
        self.bytes.extend([number, length]);
        self.bytes.extend(value);
    }

    fn write_length(&mut self) {
        let length = u16::try_from(self.bytes.len()).unwrap_or(u16::MAX);
        self.bytes[2..4].copy_from_slice(&length.to_be_bytes());
    }

    /// Reads a datagram that may be the answer.
    ///
    /// # Errors
    /// Why it is not.
    pub fn read_answer(&self, datagram: &[u8], secret: &Secret) -> Result<Answer, NotTheAnswer> {
        let packet = whole(datagram).ok_or(NotTheAnswer::Stray)?;
        let code = Code::from_repr(packet[0]).ok_or(NotTheAnswer::Stray)?;
        let answers = match self.is_login() {
            true => [Code::AccessAccept, Code::AccessReject],
            false => [Code::DisconnectAck, Code::DisconnectNak],
        };
        if packet[1] != self.bytes[1] || !answers.contains(&code) {
            return Err(NotTheAnswer::Stray);
        }
        let attributes = attributes(packet).ok_or(NotTheAnswer::Stray)?;
        let seal = self.seal_of(packet, &attributes, secret)?;
        let find = |wanted| attributes.iter().find(|found| found.number == wanted);
        let text = |found: &Found<'_>| String::from_utf8_lossy(found.value).into_owned();
        let cause = |found: &Found<'_>| Some(u32::from_be_bytes(found.value.try_into().ok()?));
        let mut allowed = SessionLimits::default();
        for found in &attributes {
            limits::take(&mut allowed, found.number, found.value);
        }
        Ok(Answer {
            code,
            error_cause: find(number::ERROR_CAUSE).and_then(cause),
            message: find(number::REPLY_MESSAGE).map(text),
            limits: allowed,
            seal,
        })
    }

    fn is_login(&self) -> bool {
        self.bytes[0] == Code::AccessRequest as u8
    }

    /// Response Authenticator (RFC 2865, section 3) and Message-Authenticator (RFC 3579, 3.2),
    /// which routers may leave out of an answer to a Disconnect-Request.
    fn seal_of(
        &self,
        packet: &[u8],
        attributes: &[Found<'_>],
        secret: &Secret,
    ) -> Result<AuthenticatorPlace, NotTheAnswer> {
        let request_authenticator = &self.bytes[AUTHENTICATOR..HEADER];
        let signed = [
            &packet[..AUTHENTICATOR],
            request_authenticator,
            &packet[HEADER..],
        ];
        let expected = digest(&signed, secret);
        if !bool::from(expected.ct_eq(&packet[AUTHENTICATOR..HEADER])) {
            return Err(NotTheAnswer::NotAuthentic);
        }
        let seal = find_seal(packet, request_authenticator, attributes, secret)?;
        if self.is_login() && seal == AuthenticatorPlace::Absent {
            return Err(NotTheAnswer::Unsealed);
        }
        Ok(seal)
    }
}

/// Finds and checks the Message-Authenticator of an answer to a request with the authenticator
/// `request_authenticator`. A second one is refused (RFC 3579, section 3.2: one at most).
fn find_seal(
    packet: &[u8],
    request_authenticator: &[u8],
    attributes: &[Found<'_>],
    secret: &Secret,
) -> Result<AuthenticatorPlace, NotTheAnswer> {
    let is_seal = |found: &Found<'_>| found.number == number::MESSAGE_AUTHENTICATOR;
    let Some(index) = attributes.iter().position(is_seal) else {
        return Ok(AuthenticatorPlace::Absent);
    };
    let found = &attributes[index];
    if attributes[index + 1..].iter().any(is_seal) || found.value.len() != BLOCK {
        return Err(NotTheAnswer::NotAuthentic);
    }
    let mut unsigned = packet.to_vec();
    unsigned[AUTHENTICATOR..HEADER].copy_from_slice(request_authenticator);
    unsigned[found.at..found.at + BLOCK].fill(0);
    if !bool::from(sign(&unsigned, secret).ct_eq(found.value)) {
        return Err(NotTheAnswer::NotAuthentic);
    }
    Ok(match index {
        0 => AuthenticatorPlace::First,
        _ => AuthenticatorPlace::NotFirst,
    })
}

/// An attribute in a packet.
struct Found<'a> {
    number: u8,
    /// Where its value begins.
    at: usize,
    value: &'a [u8],
}

/// The packet in a datagram, which may have padding behind it.
fn whole(datagram: &[u8]) -> Option<&[u8]> {
    let length = datagram.get(2..4)?;
    let length = usize::from(u16::from_be_bytes(length.try_into().ok()?));
    (HEADER..=LONGEST)
        .contains(&length)
        .then(|| datagram.get(..length))?
}

fn attributes(packet: &[u8]) -> Option<Vec<Found<'_>>> {
    let mut found = Vec::new();
    let mut at = HEADER;
    while at < packet.len() {
        let length = usize::from(*packet.get(at + 1)?);
        let value = packet.get(at + 2..at + length)?;
        found.push(Found {
            number: packet[at],
            at: at + 2,
            value,
        });
        at += length;
    }
    Some(found)
}

#[cfg(test)]
mod tests;
