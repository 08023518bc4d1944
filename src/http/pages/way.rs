//! The way of a guest with a code to a router that has no log-in page of its own: CoovaChilli, whose
//! challenge we answer, and openNDS, which believes us.
//!
//! # Invariants
//! A guest gets the token for openNDS only after FreeRADIUS has accepted the code, and after the session is in
//! the database: openNDS reports none, and the next device must be counted.

use std::net::Ipv4Addr;

use tokio::sync::Semaphore;
use tracing::warn;

use super::{Problem, Visitor};
use crate::domain::access::{RouterRefusal, VoucherCode};
use crate::radius::client::{Access, admit};
use crate::radius::packet::Guest;
use crate::store::TrustedSession;
use crate::web::{Ask, Step};

/// Guests for whom FreeRADIUS is asked at once: each holds a file and a connection.
static ASKING: Semaphore = Semaphore::const_new(16);

/// What the guest's browser has to do next.
pub(super) enum Way {
    /// Go to this URL, which logs in.
    Go(String),
    /// Go to this URL, and come back with a challenge.
    Fetch(String),
    /// FreeRADIUS has refused the code.
    Refused(RouterRefusal),
}

/// The way with this code; `None` if the guest's router is not known.
///
/// # Errors
/// A 503 without the database.
pub(super) async fn way(visitor: &Visitor, code: &VoucherCode) -> Result<Option<Way>, Problem> {
    let now = visitor.api.store.clock().now();
    Ok(match visitor.visit.step(code.as_str(), now) {
        None => None,
        Some(Step::Go(url)) => Some(Way::Go(url)),
        Some(Step::Fetch(url)) => Some(Way::Fetch(url)),
        Some(Step::Ask(ask)) => Some(asked(visitor, code, &ask).await?),
    })
}

/// Asks FreeRADIUS, as CoovaChilli and MikroTik do themselves.
async fn asked(visitor: &Visitor, code: &VoucherCode, ask: &Ask<'_>) -> Result<Way, Problem> {
    let site = &visitor.api.site;
    let (Some(server), Some(secret)) = (site.radius, &site.radius_secret) else {
        return Ok(Way::Refused(RouterRefusal::CannotCheck));
    };
    let device = visitor.visit.device.as_ref();
    let Some(device) = device else {
        // Without a device its sessions could not be told apart.
        return Ok(Way::Refused(RouterRefusal::Other));
    };
    let address: Option<Ipv4Addr> = ask.address.parse().ok();
    let guest = Guest {
        device: Some(device),
        address,
        router: ask.gateway,
    };
    let Ok(_place) = ASKING.try_acquire() else {
        return Ok(Way::Refused(RouterRefusal::CannotCheck));
    };
    let answer = match admit(server, secret, code, &guest).await {
        Ok(answer) => answer,
        Err(error) => {
            warn!(%error, "FreeRADIUS cannot be asked for a guest");
            return Ok(Way::Refused(RouterRefusal::CannotCheck));
        }
    };
    if let Access::Rejected(reason) = &answer.access {
        let reason = RouterRefusal::of_text(reason.as_deref().unwrap_or_default());
        return Ok(Way::Refused(reason.unwrap_or(RouterRefusal::Other)));
    }
    let session = TrustedSession {
        code: code.clone(),
        device: device.clone(),
        address,
        router: ask.gateway.to_owned(),
        seconds: answer.limits.seconds,
    };
    let opened = visitor.api.store.open_trusted_session(session).await?;
    if opened.is_none() {
        return Ok(Way::Refused(RouterRefusal::TooManyDevices));
    }
    let origin = visitor.api.checkout.public_url.as_str();
    let back = format!("{origin}?online=1&lang={}", visitor.language.tag());
    let now = visitor.api.store.clock().now();
    Ok(Way::Go(ask.accepted(answer.limits, now, &back)))
}
