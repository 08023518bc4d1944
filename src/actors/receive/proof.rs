//! How a webhook is proven, and which permit it takes. What needs no read is checked before a task is
//! started for it.
//!
//! # Invariants
//! - A webhook without proof never takes a place of a proven one, so no flood of them makes us
//!   refuse a genuine webhook.
//! - Every refusal without proof is the same answer, whatever is known of the order. Its duration does
//!   not tell whether the order is active.

use tokio::sync::OwnedSemaphorePermit;

use super::delivery::{Claim, ParsedWebhook, Rejection, Token};
use crate::actors::Orders;
use crate::config::Confirm;
use crate::domain::order::Payment;
use crate::gateways::zenopay::proof::{KeyCheck, PathToken, Proof};
use crate::store::DeliveryRecord;

/// The longest unverified webhook. A confirmed one is journalled; ZenoPay's own are shorter.
const UNVERIFIED_BYTES_MAX: usize = 8 * 1024;

impl Orders {
    /// Takes a place of a webhook without proof, or of another request that a stranger may send.
    pub fn enter_unverified(&self) -> Option<OwnedSemaphorePermit> {
        self.inner
            .unverified_permits
            .clone()
            .try_acquire_owned()
            .ok()
    }

    /// The claim of a webhook, and a place for it.
    pub(in crate::actors) fn admit(
        &self,
        webhook: &ParsedWebhook,
    ) -> Result<(Claim, OwnedSemaphorePermit), Rejection> {
        let claim = self.claim(webhook)?;
        let place = match &claim {
            Claim::Unverified(_) => self.enter_unverified().ok_or(Rejection::NotAuthentic),
            Claim::Token { .. } => {
                let permit = self.inner.lookup_permits.clone().try_acquire_owned();
                permit.map_err(|_| Rejection::Busy)
            }
            Claim::Proven(_) => self.enter_proven(),
        }?;
        Ok((claim, place))
    }

    /// Takes a place of a proven webhook.
    pub(in crate::actors) fn enter_proven(&self) -> Result<OwnedSemaphorePermit, Rejection> {
        let orders = &self.inner.registry.orders;
        orders.try_enter().ok_or(Rejection::Busy)
    }

    /// The claim of a webhook, as far as it is known without a read.
    fn claim(&self, webhook: &ParsedWebhook) -> Result<Claim, Rejection> {
        let by_key = match self.inner.auth.keys.check_key(webhook.key.as_deref()) {
            KeyCheck::Wrong => return Err(Rejection::NotAuthentic),
            KeyCheck::Current => Some(Proof::Key),
            KeyCheck::Previous => Some(Proof::PreviousKey),
            KeyCheck::Absent => None,
        };
        match (&webhook.token, by_key) {
            (Token::Garbage, _) => Err(Rejection::NotAuthentic),
            (Token::Absent, Some(proof)) => Ok(Claim::Proven(proof)),
            (Token::Absent, None) => match webhook.in_body() {
                Some(order_id) if self.takes_unverified(webhook) => Ok(Claim::Unverified(order_id)),
                Some(_) | None => Err(Rejection::NotAuthentic),
            },
            (Token::Present(token), by_key) => {
                // The token proves only its own order, so a body about another order is not authentic.
                if webhook.notification.is_ok() && webhook.in_body() != Some(token.order_id) {
                    return Err(Rejection::NotAuthentic);
                }
                let known = self.inner.registry.webhook_secret(token.order_id);
                if known.is_some_and(|secret| token.matches(&secret)) {
                    return Ok(Claim::Proven(by_key.unwrap_or(Proof::Token)));
                }
                // A wrong token is looked up although its order is active, so that the time of the
                // refusal tells nothing.
                let token = token.clone();
                Ok(Claim::Token { by_key, token })
            }
        }
    }

    fn takes_unverified(&self, webhook: &ParsedWebhook) -> bool {
        let is_short = webhook.record.body.len() <= UNVERIFIED_BYTES_MAX;
        self.inner.auth.confirm != Confirm::Never && is_short
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
            // It is not known whether the token is right.
            Err(error) => Err(self.reject_failed(error, record.clone()).await),
        }
    }
}
