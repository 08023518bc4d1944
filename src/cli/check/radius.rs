//! FreeRADIUS, as the doctor finds it: one user is let in, a stranger is not, and routers can
//! believe both answers.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::Utc;
use uuid::Uuid;

use super::Finding;
use crate::config::Config;
use crate::domain::access::{Attribute, RadiusUser};
use crate::domain::people::secret::Secret;
use crate::radius::client::{self, Access, AccessAnswer, RadiusError};
use crate::radius::packet::Seal;
use crate::store::Store;

/// How long the doctor's user may be let in; longer than it takes to ask.
const PASSES: Duration = Duration::from_secs(60);

/// Asks about a user that is written for a moment, and about one that does not exist.
pub(super) async fn radius(config: &Config, store: Option<&Store>) -> Finding {
    let (Some(server), Some(secret)) = (config.radius.server, &config.radius.secret) else {
        return Ok("radius.server is not set: no voucher is tested".to_owned());
    };
    let stranger = a_name();
    match ask(server, secret, &stranger).await? {
        Access::Rejected(_) => {}
        Access::Accepted => return Err(format!("{server} lets a stranger in")),
    }
    let Some(store) = store else {
        return Err(
            "refuses a stranger; whether it lets vouchers in cannot be tested without the database"
                .to_owned(),
        );
    };
    lets_in(server, secret, store).await?;
    Ok("lets a user of our database in and refuses a stranger, both answers signed".to_owned())
}

async fn lets_in(server: SocketAddr, secret: &Secret, store: &Store) -> Result<(), String> {
    let user = passing_user();
    let unwritten = |error| format!("a user cannot be written for the test: {error}");
    store.add_passing_user(&user).await.map_err(unwritten)?;
    let said = ask(server, secret, &user.username).await;
    // Also after a failure; a row that stays is refused a minute later.
    let removed = store.remove_passing_user(&user).await;
    match said? {
        Access::Accepted => {
            removed.map_err(|error| format!("the user of the test cannot be taken away: {error}"))
        }
        Access::Rejected(reason) => Err(format!(
            "{server} refuses a user that was just written to radcheck ({}): it reads another \
             database, or may not read this one; compare settings.conf with database.url, and \
             run freeradius -CX",
            reason
                .unwrap_or_else(|| "no reason given".to_owned())
                .trim()
        )),
    }
}

/// Asks, and insists on an answer that routers believe.
async fn ask(server: SocketAddr, secret: &Secret, name: &str) -> Result<Access, String> {
    let AccessAnswer { access, seal } = client::access(server, secret, name, name)
        .await
        .map_err(told)?;
    match seal {
        Seal::First => Ok(access),
        Seal::NotFirst | Seal::Absent => Err(format!(
            "the Message-Authenticator is not the first attribute of {server}'s answers, as \
             protection from Blast-RADIUS wants it (RouterOS 7.15 and later insist on \
             Message-Authenticator); put this version's deploy/freeradius/*.conf in place and \
             restart FreeRADIUS"
        )),
    }
}

fn told(fault: RadiusError) -> String {
    match fault {
        RadiusError::Silent(_) => {
            format!("{fault}; compare radius.secret with FreeRADIUS's client for this machine")
        }
        RadiusError::Closed(_) => format!("{fault}; is FreeRADIUS running?"),
        RadiusError::NotAuthentic(_) | RadiusError::Unsealed(_) | RadiusError::Unreachable(..) => {
            fault.to_string()
        }
    }
}

/// A user that FreeRADIUS lets in for a minute, in case that it is left behind.
fn passing_user() -> RadiusUser {
    let username = a_name();
    #[expect(
        clippy::disallowed_methods,
        reason = "FreeRADIUS compares it with its own clock"
    )]
    let ends = Utc::now() + PASSES;
    let check = |name, value| Attribute {
        name,
        op: ":=",
        value,
    };
    RadiusUser {
        checks: vec![
            check("Cleartext-Password", username.clone()),
            check("Expiration", ends.timestamp().to_string()),
        ],
        username,
        replies: Vec::new(),
        group: String::new(),
    }
}

/// A name that no voucher has.
fn a_name() -> String {
    format!("malipo-check-{}", Uuid::new_v4().simple())
}
