//! Requests over UDP: the same bytes are sent up to three times, until an authentic answer arrives.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rand::RngExt;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout, timeout_at};

use super::packet::{
    Answer, AuthenticatorPlace, Code, Guest, LONGEST, Method, NotTheAnswer, Request,
};
use crate::domain::access::{NewRouter, NotARouter, Session, SessionLimits, VoucherCode};
use crate::domain::people::Secret;

/// How often a request is sent.
const SENDINGS: u32 = 3;
/// After this long it is sent again. FreeRADIUS holds a refusal back for a second.
const SEND_AGAIN_AFTER: Duration = Duration::from_millis(1_500);

/// A closed port of this machine is reported within this time.
const REFUSED_WITHIN: Duration = Duration::from_millis(300);

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RadiusError {
    /// Nothing arrived. A server that does not know us, or knows another secret, sends nothing.
    #[error("{0} does not answer: it is not there, does not know us, or has another secret")]
    Silent(SocketAddr),
    /// The machine answers, and nothing listens at the port.
    #[error("nothing listens at {0}")]
    Closed(SocketAddr),
    /// An answer arrived, signed with another secret.
    #[error("{0} answers with another secret")]
    NotAuthentic(SocketAddr),
    /// An answer arrived without Message-Authenticator.
    #[error(
        "{0} answers without Message-Authenticator: anybody on the way can forge such an answer \
         (Blast-RADIUS), and RouterOS 7.15 and later refuse it; put this version's \
         deploy/freeradius/*.conf in place and restart FreeRADIUS"
    )]
    Unsealed(SocketAddr),
    /// This machine cannot send.
    #[error("{0} cannot be reached: {1}")]
    Unreachable(SocketAddr, std::io::Error),
}

/// FreeRADIUS's answer about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The user may log in.
    Accepted,
    /// The user may not log in, perhaps with a reason.
    Rejected(Option<String>),
}

/// An answer to an Access-Request, with a valid Message-Authenticator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessAnswer {
    /// What it says.
    pub access: Access,
    /// What it allows.
    pub limits: SessionLimits,
    /// The place of the Message-Authenticator.
    pub seal: AuthenticatorPlace,
}

/// A router's answer about a session that is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disconnected {
    /// It is ended.
    Acknowledged,
    /// There is no such session (Error-Cause 503): it ended before.
    WasGone,
    /// It is not ended, for this Error-Cause, if there is one.
    Refused(Option<u32>),
}

/// Error-Cause "Session Context Not Found" (RFC 5176, section 3.5).
const SESSION_NOT_FOUND: u32 = 503;

/// Asks FreeRADIUS whether a user with this password may log in by PAP.
///
/// # Errors
/// As [`log_in`].
pub async fn access(
    server: SocketAddr,
    secret: &Secret,
    user: &str,
    password: &str,
) -> Result<AccessAnswer, RadiusError> {
    log_in(server, secret, (user, password, Method::Pap)).await
}

/// Asks FreeRADIUS whether a user with this password may log in, as a router would.
///
/// # Errors
/// The [`RadiusError`], if there is no authentic answer.
pub async fn log_in(
    server: SocketAddr,
    secret: &Secret,
    login: (&str, &str, Method),
) -> Result<AccessAnswer, RadiusError> {
    log_in_for(server, secret, login, None).await
}

/// Asks FreeRADIUS whether this guest may log in with this code.
///
/// # Errors
/// As [`log_in`].
pub async fn admit(
    server: SocketAddr,
    secret: &Secret,
    code: &VoucherCode,
    guest: &Guest<'_>,
) -> Result<AccessAnswer, RadiusError> {
    let login = (code.as_str(), code.as_str(), Method::Pap);
    log_in_for(server, secret, login, Some(guest)).await
}

async fn log_in_for(
    server: SocketAddr,
    secret: &Secret,
    login: (&str, &str, Method),
    guest: Option<&Guest<'_>>,
) -> Result<AccessAnswer, RadiusError> {
    let [identifier, random @ ..]: [u8; 17] = random_bytes();
    let request = Request::log_in(identifier, random, login, guest, secret);
    let answer = exchange(server, &request, secret).await?;
    let access = if answer.code == Code::AccessAccept {
        Access::Accepted
    } else {
        Access::Rejected(answer.message)
    };
    Ok(AccessAnswer {
        access,
        limits: answer.limits,
        seal: answer.seal,
    })
}

/// Checks that FreeRADIUS hears this router: it listens on IPv6 only if its settings say so. `server` is
/// its configured address.
///
/// # Errors
/// [`NotARouter::Ipv6`], also if a FreeRADIUS on another machine is only known by its IPv4 address.
pub async fn is_heard(router: &NewRouter, server: Option<SocketAddr>) -> Result<(), NotARouter> {
    let is_heard = !router.address.needs_ipv6()
        || match server {
            Some(server) if server.ip().is_loopback() => is_open(server.port()).await,
            Some(server) => server.is_ipv6(),
            None => false,
        };
    is_heard.then_some(()).ok_or(NotARouter::Ipv6)
}

/// Whether something listens at this port of `::1`. If nothing does, the machine says so at once;
/// FreeRADIUS itself does not answer an unknown client.
async fn is_open(port: u16) -> bool {
    let [identifier, random @ ..]: [u8; 17] = random_bytes();
    let request = Request::access(identifier, random, "", "", &Secret::new(""));
    let tried = async {
        let socket = connect((Ipv6Addr::LOCALHOST, port).into()).await?;
        socket.send(&request.bytes).await?;
        let answer = timeout(REFUSED_WITHIN, socket.recv(&mut [0; LONGEST])).await;
        answer.unwrap_or(Ok(0))
    };
    tried.await.is_ok()
}

/// Asks a router to end a session.
///
/// # Errors
/// The [`RadiusError`], if there is no authentic answer.
pub async fn disconnect(
    router: SocketAddr,
    secret: &Secret,
    session: &Session,
) -> Result<Disconnected, RadiusError> {
    let [identifier] = random_bytes();
    let request = Request::disconnect(identifier, session, secret);
    let answer = exchange(router, &request, secret).await?;
    Ok(match (answer.code, answer.error_cause) {
        (Code::DisconnectAck, _) => Disconnected::Acknowledged,
        (_, Some(SESSION_NOT_FOUND)) => Disconnected::WasGone,
        (_, cause) => Disconnected::Refused(cause),
    })
}

async fn exchange(
    peer: SocketAddr,
    request: &Request,
    secret: &Secret,
) -> Result<Answer, RadiusError> {
    let unreachable = |error| RadiusError::Unreachable(peer, error);
    let socket = connect(peer).await.map_err(unreachable)?;
    let mut fault = RadiusError::Silent(peer);
    for _ in 0..SENDINGS {
        match socket.send(&request.bytes).await {
            // About the datagram before: a server that restarts may be back by now.
            Err(error) if is_closed(&error) => fault = RadiusError::Closed(peer),
            sent => sent.map(drop).map_err(unreachable)?,
        }
        let until = Instant::now() + SEND_AGAIN_AFTER;
        let mut datagram = [0; LONGEST];
        while let Ok(received) = timeout_at(until, socket.recv(&mut datagram)).await {
            let length = match received {
                Ok(length) => length,
                Err(error) if is_closed(&error) => {
                    fault = RadiusError::Closed(peer);
                    continue;
                }
                Err(error) => return Err(unreachable(error)),
            };
            // A datagram that is no answer may be another sender's: the right one may still arrive.
            match request.read_answer(&datagram[..length], secret) {
                Ok(answer) => return Ok(answer),
                Err(NotTheAnswer::Unsealed) => fault = RadiusError::Unsealed(peer),
                Err(NotTheAnswer::NotAuthentic) => fault = RadiusError::NotAuthentic(peer),
                Err(NotTheAnswer::Stray) => {}
            }
        }
    }
    Err(fault)
}

/// A socket of its own for each request, so that an identifier is never shared; connected,
/// so that only this peer's datagrams are received.
async fn connect(peer: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: SocketAddr = match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(peer).await?;
    Ok(socket)
}

/// The machine answers, and nothing listens at the port.
fn is_closed(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::ConnectionRefused
}

pub(super) fn random_bytes<const N: usize>() -> [u8; N] {
    UnwrapErr(SysRng).random()
}
