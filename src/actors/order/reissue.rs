//! A new code for a voucher. What is known of the old one is read first; the order's actor
//! decides, as it does about all else.
//!
//! # Invariants
//! What was read counts only for the version that was seen. Each new code raises it, so of two
//! wishes about one version the second finds another.

use std::sync::Arc;

use super::{Command, HandleError};
use crate::actors::Orders;
use crate::domain::order::reissue::A_DAY;
use crate::domain::order::{Evidence, OrderId, Outcome, Payment, ReissueInput, ReissuedBy, Status};
use crate::store::AuditEntry;

/// What became of the wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReissueOutcome {
    /// There is a new code.
    Given,
    /// There was one already, since the guest looked.
    GivenBefore,
    /// Often enough for a day.
    Enough,
    /// There is nothing that could have another code.
    Over,
}

/// What became of the wish, and the order as it is now.
#[derive(Clone, Debug)]
pub struct Reissue {
    /// What became of the wish.
    pub code: ReissueOutcome,
    /// The order as it is now.
    pub payment: Arc<Payment>,
}

/// The party that has a code replaced, and what it brings.
pub enum Requester {
    /// An owner, who saw the order at this version. The caller has looked at the owner link; an
    /// order id is not enough.
    Owner {
        /// The version.
        seen: i32,
    },
    /// An operator, whose act is logged with its effect.
    Operator(AuditEntry),
}

impl Orders {
    /// Gives an order's voucher another code.
    ///
    /// # Errors
    /// The [`HandleError`]; nothing was written, unless the store says that it does not know.
    pub async fn reissue(
        &self,
        order_id: OrderId,
        requester: Requester,
    ) -> Result<Reissue, HandleError> {
        let orders = self.clone();
        self.to_its_end(async move { orders.replace_code(order_id, requester).await })
            .await
    }

    async fn replace_code(
        &self,
        order_id: OrderId,
        requester: Requester,
    ) -> Result<Reissue, HandleError> {
        let store = &self.inner.store;
        let payment = store.load(order_id).await?;
        let payment = payment.ok_or(HandleError::UnknownOrder)?;
        let (by, seen, audit) = match requester {
            Requester::Owner { seen } => (ReissuedBy::Owner, seen, None),
            Requester::Operator(audit) => (ReissuedBy::Operator, payment.version, Some(audit)),
        };
        let voucher = match (payment.status, &payment.voucher) {
            (Status::Completed, Some(voucher)) if voucher.revoked_at.is_none() => voucher,
            _ => return Ok(Reissue::without_effect(ReissueOutcome::Over, payment)),
        };
        if payment.version != seen {
            return Ok(Reissue::without_effect(
                ReissueOutcome::GivenBefore,
                payment,
            ));
        }
        let lately = store.clock().now() - A_DAY;
        let replaced = store.replaced(payment.id, lately).await?;
        let used = store.voucher_usage(&voucher.code).await?;
        let usage = used.map(|(_, usage)| usage).unwrap_or_default();
        let wish = ReissueInput {
            by,
            seen,
            usage,
            replaced,
        };
        let mut command = Command::of(Evidence::Reissue(wish));
        command.loaded = Some(payment);
        command.audit = audit;

        let handled = self.handle(order_id, command).await?;
        let is_enough = by == ReissuedBy::Owner && replaced.is_enough();
        Ok(Reissue {
            code: match (handled.refused, handled.outcome) {
                (true, _) if is_enough => ReissueOutcome::Enough,
                (true, _) => ReissueOutcome::Over,
                (false, Outcome::Duplicate) => ReissueOutcome::GivenBefore,
                (false, _) => ReissueOutcome::Given,
            },
            payment: handled.payment,
        })
    }
}

impl Reissue {
    fn without_effect(code: ReissueOutcome, payment: Payment) -> Self {
        Self {
            code,
            payment: Arc::new(payment),
        }
    }
}
