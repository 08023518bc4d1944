//! Codes of an authenticator (`domain/people/totp.rs`), and the recovery codes that replace one of them
//! each.
//!
//! # Invariants
//! A code is used by one statement that changes a row, so two log-ins at once cannot both use it.

use chrono::{DateTime, Utc};
use entities::operators;
use sea_orm::DatabaseTransaction;

use super::audit_log::{self, AuditEntry};
use super::people::enabled;
use super::tokens::{Fingerprint, random_bytes};
use crate::domain::people::{Secret, totp};
use crate::store::Store;
use crate::store::engine::sql;
use crate::store::error::Result;

/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;

/// Whether a log-in needs a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondFactor {
    Off,
    /// A secret was made, and no code of it was seen yet.
    Begun(Secret),
    On {
        recovery_codes_left: i64,
    },
}

/// A change of whether log-ins need codes, with the code that proves it.
pub enum FactorChange {
    /// They need codes from now on, and there are recovery codes.
    Confirm(String),
    /// There are other recovery codes.
    RenewCodes(String),
    /// They need none from now on. An admin needs no code for another operator.
    End(Option<String>),
}

impl Store {
    /// Whether a log-in of this operator needs a code.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn second_factor(&self, name: &str) -> Result<SecondFactor> {
        let Some(row) = enabled(&self.db(), name).await? else {
            return Ok(SecondFactor::Off);
        };
        if row.totp_confirmed {
            let left = "SELECT COUNT(*) FROM operator_recovery_codes WHERE operator = $1";
            let left: Option<i64> = sql::tuple(&self.db(), left, [name.into()]).await?;
            let recovery_codes_left = left.unwrap_or(0);
            return Ok(SecondFactor::On {
                recovery_codes_left,
            });
        }
        let secret = row.totp_secret.map(Secret::new);
        Ok(secret.map_or(SecondFactor::Off, SecondFactor::Begun))
    }

    /// Makes a secret, which is not needed until a code of it was seen. No effect if codes are needed.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn begin_second_factor(&self, name: &str) -> Result<()> {
        let secret = totp::secret_of(random_bytes());
        let begin = "UPDATE operators SET totp_secret = $1, totp_last_step = 0 \
             WHERE name = $2 AND NOT totp_confirmed AND disabled_at IS NULL";
        let values = [secret.expose().into(), name.into()];
        self.execute(begin, values).await.map(drop)
    }

    /// Makes a change, if its code is right. Returns the new recovery codes, which are stored only as
    /// hashes, and none at the end; `None` if the code is wrong or the change has no effect.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn change_second_factor(
        &self,
        name: String,
        change: FactorChange,
        audit: AuditEntry,
    ) -> Result<Option<Vec<Secret>>> {
        let now = self.clock().now();
        self.transaction_if(move |txn| {
            Box::pin(async move {
                let is_off = matches!(change, FactorChange::Confirm(_));
                let row = enabled(txn, &name).await?;
                let Some(row) = row.filter(|row| row.totp_confirmed != is_off) else {
                    return Ok(None);
                };
                let is_proven = match &change {
                    FactorChange::Confirm(code) => use_totp(txn, &row, code, now).await?,
                    FactorChange::RenewCodes(code) | FactorChange::End(Some(code)) => {
                        use_code(txn, &row, code, now).await?
                    }
                    FactorChange::End(None) => true,
                };
                if !is_proven {
                    return Ok(None);
                }
                audit_log::insert(txn, &audit, now).await?;
                let update = match change {
                    FactorChange::RenewCodes(_) => return new_codes(txn, &name).await.map(Some),
                    FactorChange::Confirm(_) => {
                        "UPDATE operators SET totp_confirmed = true WHERE name = $1"
                    }
                    FactorChange::End(_) => {
                        "UPDATE operators SET totp_secret = NULL, totp_confirmed = false \
                         WHERE name = $1"
                    }
                };
                sql::execute(txn, update, [name.as_str().into()]).await?;
                match is_off {
                    true => new_codes(txn, &name).await.map(Some),
                    false => forget_codes(txn, &name).await.map(|()| Some(Vec::new())),
                }
            })
        })
        .await
    }
}

/// Uses a code of the authenticator, or a recovery code. `false` if it is neither, or was used before.
pub async fn use_code(
    txn: &DatabaseTransaction,
    row: &operators::Model,
    code: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    if use_totp(txn, row, code, now).await? {
        return Ok(true);
    }
    let take = "DELETE FROM operator_recovery_codes WHERE operator = $1 AND code_hash = $2";
    let hash = Fingerprint::of(&plain(code));
    let values = [row.name.as_str().into(), hash.as_str().into()];
    Ok(sql::execute(txn, take, values).await? == 1)
}

async fn use_totp(
    txn: &DatabaseTransaction,
    row: &operators::Model,
    code: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    let Some(secret) = row.totp_secret.clone() else {
        return Ok(false);
    };
    let used = row.totp_last_step;
    let step = totp::step_of(&Secret::new(secret.as_str()), code, now.timestamp(), used);
    let Some(step) = step else { return Ok(false) };
    let take = "UPDATE operators SET totp_last_step = $1 \
         WHERE name = $2 AND totp_secret = $3 AND totp_last_step = $4";
    let values = [
        step.into(),
        row.name.as_str().into(),
        secret.into(),
        used.into(),
    ];
    Ok(sql::execute(txn, take, values).await? == 1)
}

async fn forget_codes(txn: &DatabaseTransaction, name: &str) -> Result<()> {
    let forget = "DELETE FROM operator_recovery_codes WHERE operator = $1";
    sql::execute(txn, forget, [name.into()]).await.map(drop)
}

async fn new_codes(txn: &DatabaseTransaction, name: &str) -> Result<Vec<Secret>> {
    forget_codes(txn, name).await?;
    let mut codes = Vec::new();
    for _ in 0..RECOVERY_CODES {
        let digits = hex::encode(random_bytes::<8>());
        let keep = "INSERT INTO operator_recovery_codes (operator, code_hash) VALUES ($1, $2)";
        let hash = Fingerprint::of(&digits);
        sql::execute(txn, keep, [name.into(), hash.as_str().into()]).await?;
        let groups = [&digits[..4], &digits[4..8], &digits[8..12], &digits[12..]];
        codes.push(Secret::new(groups.join("-")));
    }
    Ok(codes)
}

/// A recovery code without the dashes, blanks and capitals with which it may be typed.
fn plain(code: &str) -> String {
    let digits = code.chars().filter(char::is_ascii_alphanumeric);
    digits.map(|c| c.to_ascii_lowercase()).collect()
}
