//! The proof of a delivery, looked at before anything is started for it, and the place that it
//! then takes.
//!
//! # Invariants
//! - A delivery without proof never takes a place of a proven one, so no flood of them makes us
//!   refuse a true webhook.
//! - What is refused for want of proof looks the same whatever is known of the order, and took
//!   the same reads.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::claim::Claim;
use super::delivery::{ParsedWebhook, Rejection, Token};
use crate::actors::Orders;
use crate::config::Confirm;
use crate::domain::order::Payment;
use crate::gateways::zenopay::proof::{KeyCheck, PathToken, Proof};
use crate::store::DeliveryRecord;

/// A hint is journalled once it is confirmed; none that ZenoPay sends is longer.
const HINT_BYTES_MAX: usize = 8 * 1024;

impl Orders {
    /// A place, or the refusal.
    pub(in crate::actors) fn enter(
        &self,
        claim: &Claim,
    ) -> Result<OwnedSemaphorePermit, Rejection> {
        let enter = |places: &Arc<Semaphore>| places.clone().try_acquire_owned().ok();
        match claim {
            Claim::Hint(_) => enter(&self.inner.unproven.hints).ok_or(Rejection::NotAuthentic),
            Claim::Token { .. } => enter(&self.inner.unproven.lookups).ok_or(Rejection::Busy),
            Claim::Proven(_) => self.enter_proven(),
        }
    }

    /// A place of what is proven.
    pub(in crate::actors) fn enter_proven(&self) -> Result<OwnedSemaphorePermit, Rejection> {
        self.inner.registry.in_play.enter().ok_or(Rejection::Busy)
    }

    /// What the delivery offers, as far as memory tells.
    pub(in crate::actors) fn claim(&self, webhook: &ParsedWebhook) -> Result<Claim, Rejection> {
        let by_key = match self.inner.belief.keys.check_key(webhook.key.as_deref()) {
            KeyCheck::Wrong => return Err(Rejection::NotAuthentic),
            KeyCheck::Current => Some(Proof::Key),
            KeyCheck::Previous => Some(Proof::PreviousKey),
            KeyCheck::Absent => None,
        };
        match (&webhook.token, by_key) {
            (Token::Garbage, _) => Err(Rejection::NotAuthentic),
            (Token::Absent, Some(proof)) => Ok(Claim::Proven(proof)),
            (Token::Absent, None) => match webhook.in_body() {
                Some(order_id) if self.takes_hints(webhook) => Ok(Claim::Hint(order_id)),
                Some(_) | None => Err(Rejection::NotAuthentic),
            },
            (Token::Present(token), by_key) => {
                // It proves one order alone, so a body about another one is not authentic.
                if webhook.said.is_ok() && webhook.in_body() != Some(token.order_id) {
                    return Err(Rejection::NotAuthentic);
                }
                let known = self.inner.registry.webhook_secret(token.order_id);
                if known.is_some_and(|secret| token.matches(&secret)) {
                    return Ok(Claim::Proven(by_key.unwrap_or(Proof::Token)));
                }
                // A wrong one is looked up although its order is in play, so that the time of
                // the refusal does not tell.
                let token = token.clone();
                Ok(Claim::Token { by_key, token })
            }
        }
    }

    fn takes_hints(&self, webhook: &ParsedWebhook) -> bool {
        self.inner.belief.confirm != Confirm::Never && webhook.record.body.len() <= HINT_BYTES_MAX
    }

    /// Compares the token with the secret in the database.
    pub(in crate::actors) async fn prove(
        &self,
        record: &DeliveryRecord,
        by_key: Option<Proof>,
        token: &PathToken,
    ) -> Result<(Proof, Payment), Rejection> {
        match self.inner.store.load(token.order_id).await {
            Ok(Some(payment)) if token.matches(&payment.webhook_secret) => {
                Ok((by_key.unwrap_or(Proof::Token), payment))
            }
            Ok(Some(_) | None) => Err(Rejection::NotAuthentic),
            // Whether it is the right token was not found out.
            Err(error) => Err(self.failed(error, record.clone()).await),
        }
    }
}
