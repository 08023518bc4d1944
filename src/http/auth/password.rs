//! Log-in with a name and a password, and the proof that a session is its operator's own.
//!
//! # Invariants
//! A try is counted before anything is compared. A wrong name, a wrong password and a wrong code have one
//! answer, and an unknown name costs a hash too.

use super::gate::Gate;
use crate::domain::people::{Operator, Secret, read_name};
use crate::http::problem::{Code, Problem};
use crate::store::{Browser, Hashing, LogInResult, PasswordHash, Subject, TooMany};

/// What an operator types who logs in without a token.
pub struct Typed<'a> {
    pub name: &'a str,
    pub password: &'a str,
    /// Of the authenticator, or a recovery code; needed only if the operator has one.
    pub code: &'a str,
}

impl Gate {
    /// Opens a session for a name and a password.
    ///
    /// # Errors
    /// 503 if the database does not answer, or if too many passwords are being compared.
    pub async fn log_in_by_name(
        &self,
        typed: Typed<'_>,
        browser: Browser,
    ) -> Result<LogInResult, Problem> {
        let password = Secret::new(typed.password);
        let Ok(name) = read_name(typed.name.trim()) else {
            let turn = self.hashing.turn(false).await?;
            turn.matches(password, None).await?;
            return Ok(LogInResult::Wrong);
        };
        let subject = self
            .store
            .subject_of(&name, browser.device.as_ref())
            .await?;
        if let Some(retry_after_secs) = self.store.wait_of(&subject).await? {
            return Ok(LogInResult::TooSoon { retry_after_secs });
        }
        // A place before the count: a flood of names writes no faster than passwords are compared.
        let turn = self.hashing.turn(subject.is_known()).await?;
        let tried = match self.store.begin_log_in(name, subject).await? {
            Ok(tried) => tried,
            Err(retry_after_secs) => return Ok(LogInResult::TooSoon { retry_after_secs }),
        };
        if !turn.matches(password, tried.hash.clone()).await? {
            return Ok(LogInResult::Wrong);
        }
        let code = typed.code.to_owned();
        Ok(self.store.finish_log_in(tried, code, browser).await?)
    }

    /// Proves by the password or by a token that a session is its operator's own, and not that of a person
    /// who has found it open.
    ///
    /// # Errors
    /// 403 if it is neither, 429 after ten wrong ones in an hour.
    pub async fn prove(&self, operator: &Operator, typed: &str) -> Result<(), Problem> {
        let subject = self.begin_proof(operator).await?;
        let by_token = self.operator_by_token(typed.trim()).await?;
        let is_proven = match by_token {
            Some(owner) => owner == *operator,
            None => {
                let hash = self.store.password_of(&operator.name).await?;
                let turn = self.hashing.turn(true).await?;
                turn.matches(Secret::new(typed), hash).await?
            }
        };
        if !is_proven {
            return Err(
                Code::Forbidden.detail("this is neither your password nor a token of yours")
            );
        }
        Ok(self.store.uncount_try(&subject).await?)
    }

    /// Counts a try of a session's operator to prove something.
    ///
    /// # Errors
    /// 429 after ten wrong ones in an hour.
    pub async fn begin_proof(&self, operator: &Operator) -> Result<Subject, Problem> {
        let subject = Subject::Proof(operator.name.clone());
        match self.store.count_try(&subject).await? {
            None => Ok(subject),
            Some(secs) => {
                let why = format!(
                    "too many were wrong: try again in {} min",
                    secs.div_ceil(60)
                );
                Err(Code::RateLimited.detail(why).retry_after_secs(secs))
            }
        }
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// 503 if too many passwords are being compared.
    pub async fn hash(&self, password: Secret) -> Result<PasswordHash, Problem> {
        let hashing: &Hashing = &self.hashing;
        Ok(hashing.hash(password).await?)
    }
}

impl From<TooMany> for Problem {
    fn from(why: TooMany) -> Self {
        Code::Busy.detail(why).retry_after_secs(2)
    }
}
