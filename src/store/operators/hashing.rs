//! Passwords as Argon2id hashes, with the parameters of OWASP's Password Storage Cheat Sheet.
//!
//! # Invariants
//! At most two hashes are computed at once, on threads of their own: each needs 19 MiB and a processor for
//! some hundredths of a second. One of the two is for browsers that are known, so strangers delay only each
//! other. The place is kept until the hash is done, also if the client leaves. Few strangers wait for it, because
//! each that waits holds a connection.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::tokens::random_bytes;
use crate::domain::people::Secret;

/// Memory in KiB, passes and lanes.
const COST: (u32, u32, u32) = (19 * 1_024, 2, 1);
/// The longest time that a log-in waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(5);
/// Log-ins of strangers that wait for their turn.
const WAITING_MAX: usize = 8;
/// Compared when there is none to compare with, so that an unknown name costs the same
/// time as a known one.
const HASH_OF_NO_PASSWORD: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
     $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// As it is stored.
    pub(in crate::store) fn as_str(&self) -> &str {
        &self.0
    }

    /// Trusts what is stored.
    pub(in crate::store) fn from_stored(text: String) -> Self {
        Self(text)
    }
}

/// Too many wait for a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct TooMany;

/// The places of this process. Cheap to clone.
#[derive(Clone)]
pub struct Hashing {
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    /// Places of strangers that wait.
    waiting: Arc<Semaphore>,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            known: Arc::new(Semaphore::new(1)),
            strangers: Arc::new(Semaphore::new(1)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }
}

impl Hashing {
    /// Hashes a new password.
    ///
    /// # Errors
    /// [`TooMany`].
    pub async fn hash(&self, password: Secret) -> Result<PasswordHash, TooMany> {
        let turn = self.turn(true).await?;
        turn.compute(move || hashed(&password)).await
    }

    /// Waits for a place to compare a password; `is_known` is the browser.
    ///
    /// # Errors
    /// [`TooMany`].
    pub async fn turn(&self, is_known: bool) -> Result<Turn, TooMany> {
        let waits = (!is_known).then(|| self.waiting.try_acquire()).transpose();
        let _waits = waits.map_err(|_| TooMany)?;
        let places = if is_known {
            &self.known
        } else {
            &self.strangers
        };
        let turn = timeout(TURN_WITHIN, places.clone().acquire_owned()).await;
        let _place = turn.map_err(|_| TooMany)?.map_err(|_| TooMany)?;
        Ok(Turn { _place })
    }
}

/// The place of one hash.
pub struct Turn {
    _place: OwnedSemaphorePermit,
}

impl Turn {
    /// Whether this is the password; takes as long if there is none.
    ///
    /// # Errors
    /// [`TooMany`]: nothing was compared.
    pub async fn matches(
        self,
        password: Secret,
        hash: Option<PasswordHash>,
    ) -> Result<bool, TooMany> {
        self.compute(move || is_of(&password, hash.as_ref())).await
    }

    async fn compute<T, F>(self, work: F) -> Result<T, TooMany>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let work = spawn_blocking(move || {
            let _turn = self;
            work()
        });
        work.await.map_err(|_| TooMany)
    }
}

fn argon2() -> Argon2<'static> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).expect("the parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hashed(password: &Secret) -> PasswordHash {
    let salt = random_bytes::<16>();
    let hash = argon2().hash_password_with_salt(password.expose().as_bytes(), &salt);
    PasswordHash(hash.expect("the salt has a valid length").to_string())
}

/// The parameters are those of the hash, so that old hashes stay valid when they are raised.
fn is_of(password: &Secret, hash: Option<&PasswordHash>) -> bool {
    let text = hash.map_or(HASH_OF_NO_PASSWORD, |hash| &hash.0);
    let parsed = Phc::new(text).expect("we store only hashes of our own");
    let is_equal = argon2()
        .verify_password(password.expose().as_bytes(), &parsed)
        .is_ok();
    is_equal && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_with_a_salt_of_its_own_and_matches_its_password_alone() {
        let password = Secret::new("mti mkubwa wa embe");

        let (one, other) = (hashed(&password), hashed(&password));

        assert!(
            one.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            one.0
        );
        assert!(one != other, "two salts");
        assert!(is_of(&password, Some(&one)) && is_of(&password, Some(&other)));
        assert!(!is_of(&Secret::new("mti mkubwa wa Embe"), Some(&one)));
        assert!(!is_of(&password, None), "without a hash nothing matches");
    }
}
