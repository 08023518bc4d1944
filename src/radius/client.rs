//! Asking over UDP: sent again, the same bytes, until an authentic answer is here or patience
//! is at its end.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::packet::{Answer, Code, LONGEST, NotTheAnswer, Request, Seal};
use crate::domain::access::session::Session;
use crate::domain::people::secret::Secret;

/// How often a request is sent.
const SENDINGS: u32 = 3;
/// After this long it is sent again. FreeRADIUS holds a refusal back for a second.
const SEND_AGAIN_AFTER: Duration = Duration::from_millis(1_500);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RadiusError {
    /// Nothing came. A server that does not know us, or us by another secret, says nothing.
    #[error("{0} does not answer: it is not there, does not know us, or has another secret")]
    Silent(SocketAddr),
    /// The machine is there, and nothing listens.
    #[error("nothing listens at {0}")]
    Closed(SocketAddr),
    /// An answer came, signed with another secret.
    #[error("{0} answers with another secret")]
    NotAuthentic(SocketAddr),
    /// An answer came without Message-Authenticator.
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

/// What FreeRADIUS says of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The user may in.
    Accepted,
    /// The user may not, perhaps with a reason.
    Rejected(Option<String>),
}

/// An answer to an Access-Request, with a valid Message-Authenticator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessAnswer {
    /// What it says.
    pub access: Access,
    /// Where the Message-Authenticator stands.
    pub seal: Seal,
}

/// What a router says of a session that is to end.
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

/// Asks FreeRADIUS whether a user may in, as a router would.
///
/// # Errors
/// The [`RadiusError`], if there is no authentic answer.
pub async fn access(
    server: SocketAddr,
    secret: &Secret,
    user: &str,
    password: &str,
) -> Result<AccessAnswer, RadiusError> {
    let [identifier, random @ ..]: [u8; 17] = random_bytes();
    let request = Request::access(identifier, random, user, password, secret);
    let answer = exchange(server, &request, secret).await?;
    let access = match answer.code {
        Code::AccessAccept => Access::Accepted,
        Code::AccessRequest
        | Code::AccessReject
        | Code::DisconnectRequest
        | Code::DisconnectAck
        | Code::DisconnectNak => Access::Rejected(answer.message),
    };
    Ok(AccessAnswer {
        access,
        seal: answer.seal,
    })
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
        match socket.send(request.bytes()).await {
            // Of the datagram before: a server that is being restarted may be back by now.
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
            // A datagram that is no answer may be another sender's: the right one may still come.
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

/// A socket of its own for each question, so that an identifier is never shared; connected,
/// so that only this peer is heard.
async fn connect(peer: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: SocketAddr = match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(peer).await?;
    Ok(socket)
}

/// The machine is there, and nothing listens at that port.
fn is_closed(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::ConnectionRefused
}

pub(super) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system has random bytes");
    bytes
}
