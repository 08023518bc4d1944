//! The links that lead to an order's page, and what each of them shows.

use crate::domain::access::OwnerToken;
use crate::domain::order::payment::Payment;

/// By which link the guest came to the page.
#[derive(Clone, Copy)]
pub enum LinkKind<'a> {
    /// By the order id, which the browser that bought has.
    OrderId,
    /// By the link in the SMS, which the phone that paid has.
    OwnerLink(&'a OwnerToken),
}

impl LinkKind<'_> {
    /// The address of the page.
    pub fn path(&self, payment: &Payment) -> String {
        match self {
            Self::OrderId => format!("/order/{}", payment.order_id),
            Self::OwnerLink(token) => format!("/v/{}", token.expose()),
        }
    }

    /// Whether the page shows the code. Once it was replaced the phone that paid has the last word,
    /// for another one may have bought.
    pub(super) fn shows_code(&self, payment: &Payment) -> bool {
        match self {
            Self::OrderId => payment.reissued_at.is_none(),
            Self::OwnerLink(_) => true,
        }
    }
}
