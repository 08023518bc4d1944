//! Vouchers that are printed and sold for cash.
//!
//! # Invariants
//! The time of a printed voucher begins at its first log-in, whatever its package says: cards are
//! stored for weeks before they are sold.

use std::collections::HashSet;

use crate::actors::order::facts::fresh_code;
use crate::domain::access::VoucherCode;
use crate::domain::catalog::{Package, Terms, Validity};
use crate::radius::attributes::voucher_user;
use crate::store::{AuditEntry, NewBatch, Store, StoreError};

/// Vouchers of one batch at most: a few sheets of paper, and one short transaction.
pub const BATCH_MAX: u16 = 240;
/// Attempts with new codes when one of them exists already, which is very rare.
const ATTEMPTS: usize = 3;

/// A batch to print.
#[derive(Clone)]
pub struct BatchRequest {
    /// What each voucher gives, and what it costs.
    pub package: Package,
    /// How many.
    pub count: u16,
    /// For the list of batches.
    pub note: Option<String>,
}

/// Makes a batch and returns its number; at most [`BATCH_MAX`] vouchers.
///
/// # Errors
/// The [`StoreError`]; then nothing was written, except perhaps after `CommitUnknown`.
pub async fn print(
    store: &Store,
    request: &BatchRequest,
    audit: &AuditEntry,
) -> Result<i64, StoreError> {
    let mut result = Err(StoreError::CodeTaken);
    for _ in 0..ATTEMPTS {
        result = store.add_batch(batch(request), audit.clone()).await;
        if !matches!(result, Err(StoreError::CodeTaken)) {
            break;
        }
    }
    result
}

fn batch(request: &BatchRequest) -> NewBatch {
    let terms = Terms {
        validity: Validity::FirstLogin,
        ..request.package.terms.clone()
    };
    let mut codes = HashSet::new();
    while codes.len() < usize::from(request.count.min(BATCH_MAX)) {
        codes.insert(fresh_code());
        codes.retain(|code| !is_number(code));
    }
    let vouchers = codes.into_iter().map(|code| {
        let user = voucher_user(&code, &terms, None);
        (code, user)
    });
    NewBatch {
        vouchers: vouchers.collect(),
        price: request.package.price,
        note: request.note.clone(),
        terms,
    }
}

/// Whether a spreadsheet would read the code as a number and spoil it, as in `2345E678`.
fn is_number(code: &VoucherCode) -> bool {
    code.as_str().parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_a_spreadsheet_spoils_is_not_printed() {
        let is_number = |code: &str| is_number(&VoucherCode::from_stored(code.to_owned()));

        assert!(
            ["2345E678", "23456789", "2E345678"]
                .into_iter()
                .all(is_number)
        );
        assert!(
            !["K7QMX2PA", "2E34E567", "E2345678", "2345678E"]
                .into_iter()
                .any(is_number)
        );
    }
    use crate::domain::catalog::Tzs;

    #[test]
    fn a_batch_has_at_most_240_codes_and_its_time_begins_at_the_first_log_in() {
        let request = BatchRequest {
            package: Package {
                id: 1,
                price: Tzs(2_000),
                terms: Terms {
                    code: "daily".to_owned(),
                    name_sw: "Siku moja".to_owned(),
                    name_en: "One day".to_owned(),
                    duration_minutes: 1_440,
                    validity: Validity::Purchase,
                    data_limit_mb: None,
                    download_kbps: 5_120,
                    upload_kbps: 2_048,
                    shared_devices: 1,
                },
            },
            count: 500,
            note: None,
        };

        let batch = batch(&request);

        assert_eq!(batch.vouchers.len(), usize::from(BATCH_MAX));
        assert_eq!(batch.terms.validity, Validity::FirstLogin);
        for (code, user) in &batch.vouchers {
            assert_eq!(user.username, code.as_str());
            let names: Vec<_> = user.checks.iter().map(|check| check.name).collect();
            assert_eq!(
                names,
                ["Cleartext-Password", "Simultaneous-Use", "Expire-After"]
            );
        }
    }
}
