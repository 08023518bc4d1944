//! A guest wants a new code for a voucher. What is known of the old one is read first; the
//! order's actor decides, as it does about all else.
//!
//! The rule that must not be broken: what was read counts only for the version that the guest
//! saw. Each new code raises it, so of two wishes about one version the second finds another.

use super::Orders;
use super::order::{Case, WeighError};
use crate::domain::evidence::Evidence;
use crate::domain::ids::OrderId;
use crate::domain::outcome::Outcome;
use crate::domain::payment::Status;
use crate::domain::replacement::{Wish, a_day};

/// What became of the wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewCode {
    /// There is a new code.
    Given,
    /// There was one already, since the guest looked.
    GivenBefore,
    /// Often enough for a day.
    Enough,
    /// There is nothing that could have another code.
    Over,
}

impl Orders {
    /// Gives an order's voucher another code, for a guest who saw the order at version `seen`.
    ///
    /// # Errors
    /// The [`WeighError`]; nothing was written, unless the store says that it does not know.
    pub async fn new_code(&self, order_id: OrderId, seen: i32) -> Result<NewCode, WeighError> {
        let orders = self.clone();
        self.to_its_end(async move { orders.replace_code(order_id, seen).await })
            .await
            .unwrap_or(Err(WeighError::Panicked))
    }

    async fn replace_code(&self, order_id: OrderId, seen: i32) -> Result<NewCode, WeighError> {
        let store = &self.inner.store;
        let payment = store.load(order_id).await?;
        let payment = payment.ok_or(WeighError::UnknownOrder)?;
        let voucher = match (payment.status, &payment.voucher) {
            (Status::Completed, Some(voucher)) if voucher.revoked_at.is_none() => voucher,
            _ => return Ok(NewCode::Over),
        };
        if payment.version != seen {
            return Ok(NewCode::GivenBefore);
        }
        let lately = store.clock().now() - a_day();
        let replaced = store.replaced(payment.id, lately).await?;
        let used = store.voucher_usage(&voucher.code).await?;
        let usage = used.map(|(_, usage)| usage).unwrap_or_default();
        let wish = Wish {
            seen,
            usage,
            replaced,
        };
        let mut case = Case::of(Evidence::NewCode(wish));
        case.loaded = Some(payment);

        let weighed = self.weigh(order_id, case).await?;
        Ok(match (weighed.refused, weighed.outcome) {
            (true, _) if replaced.is_enough() => NewCode::Enough,
            (true, _) => NewCode::Over,
            (false, Outcome::Duplicate) => NewCode::GivenBefore,
            (false, _) => NewCode::Given,
        })
    }
}
