//! A delivery comes in: hand it to its order's actor if it is proven (`proving.rs`), and
//! journal it.
//!
//! # Invariants
//! A delivery that is not proven changes nothing, and its sender learns nothing. Without proof a
//! delivery is only a hint to ask ZenoPay, and the answer is the evidence.

use tokio::sync::OwnedSemaphorePermit;
use tracing::{error, warn};

use super::order::{Command, HandleError, Handled};
use super::status_checks::CheckOrigin;
use super::{Orders, ref_of};
use crate::config::Confirm;
use crate::domain::order::{Evidence, GatewayReport, OrderId, Outcome};
use crate::gateways::zenopay::proof::Proof;
use crate::gateways::zenopay::wire::{Notification, StatusAnswer, Unreadable};
use crate::store::{AuditEntry, DeliveryRecord, StoreError};
use claim::Claim;
use delivery::{ParsedWebhook, Rejection};
use hints::Verdict;

pub(super) mod claim;
pub(super) mod delivery;
pub(super) mod hints;
mod proving;
mod unverified;

impl Orders {
    /// Takes in one delivery, to its end.
    pub(super) async fn take_in(
        &self,
        webhook: ParsedWebhook,
        claim: Claim,
        place: OwnedSemaphorePermit,
    ) -> Result<Handled, Rejection> {
        let ParsedWebhook {
            said, mut record, ..
        } = webhook;
        let (proof, loaded, place) = match claim {
            // Its own place is held to the end; its message takes another one.
            Claim::Hint(order_id) => return self.take_hint(order_id, record).await,
            Claim::Proven(proof) => (proof, None, place),
            Claim::Token { by_key, token } => {
                record.proof = by_key.map(Proof::as_str);
                let (proof, payment) = self.prove(&record, by_key, &token).await?;
                // Only now is it known not to be a stranger's.
                drop(place);
                let place = self.enter_proven()?;
                (proof, Some(payment), place)
            }
        };
        record.proof = Some(proof.as_str());
        let (order_id, report) = self.report_of(said, &record, None).await?;
        let asks = self.asks_before_believing(&report) && self.is_ours(order_id, &record).await?;
        let evidence = if asks {
            evidence_of(self.inner.asks.ask(order_id, CheckOrigin::Ourselves).await)
        } else {
            Evidence::Gateway(report)
        };
        let mut command = Command::of(evidence);
        command.loaded = loaded;
        self.handle_delivery(order_id, command, record, Some(place))
            .await
    }

    /// What a proven delivery says of which order. One that does not say is journalled.
    pub(super) async fn report_of(
        &self,
        said: Result<Notification, Unreadable>,
        record: &DeliveryRecord,
        audit: Option<&AuditEntry>,
    ) -> Result<(OrderId, GatewayReport), Rejection> {
        let (outcome, rejection) = match said {
            Ok(said) => match said.names {
                Some(order_id) => return Ok((order_id, said.report)),
                None => (Outcome::UnknownOrder, Rejection::UnknownOrder),
            },
            Err(unreadable) => (Outcome::Malformed, Rejection::Malformed(unreadable)),
        };
        self.journal(record.clone(), outcome, audit.cloned())
            .await?;
        Err(rejection)
    }

    /// Whether ZenoPay is asked before a proven delivery is believed.
    pub(super) fn asks_before_believing(&self, report: &GatewayReport) -> bool {
        self.inner.belief.confirm == Confirm::Always || report.needs_confirmation()
    }

    /// A delivery without proof: if it is about an order of ours, ask ZenoPay, once for all
    /// that hint at the same moment.
    async fn take_hint(
        &self,
        order_id: OrderId,
        mut record: DeliveryRecord,
    ) -> Result<Handled, Rejection> {
        // Always from the database, and before anything else: how long a refusal takes must
        // not tell whether there is such an order, or whether it is in play.
        match self.inner.store.load_for_guest(order_id).await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Rejection::NotAuthentic),
            Err(error) => return Err(self.failed(error, record).await),
        }
        let Some(Verdict::Paid(report)) = self.follow_hint(order_id).await else {
            // What was not confirmed is neither believed nor journalled.
            return Err(Rejection::NotAuthentic);
        };
        record.proof = Some(Proof::OrderStatus.as_str());
        let command = Command::of(Evidence::OrderStatus(report));
        let done = self.handle_delivery(order_id, command, record, None).await;
        if let Err(Rejection::Busy) = done {
            self.ask_again_soon(order_id).await;
            return Err(Rejection::NotAuthentic);
        }
        done
    }

    /// Has the order's actor handle what a delivery brought; what goes wrong is journalled.
    pub(super) async fn handle_delivery(
        &self,
        order_id: OrderId,
        mut command: Command,
        record: DeliveryRecord,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Handled, Rejection> {
        command.delivery = Some(record.clone());
        let audit = command.audit.clone();
        match self.inner.registry.send(order_id, command, place).await {
            Ok(handled) => Ok(handled),
            Err(HandleError::UnknownOrder) => {
                // The message's own place is free again, and what waits to be written is limited.
                let _place = self.enter_proven()?;
                self.journal(record, Outcome::UnknownOrder, audit).await?;
                Err(Rejection::UnknownOrder)
            }
            Err(HandleError::Busy) => Err(Rejection::Busy),
            Err(HandleError::Store(error)) => Err(self.failed(error, record).await),
            Err(error @ HandleError::Panicked) => {
                error!(order = %order_id.order_ref(), %error, "webhook failed");
                let _place = self.enter_proven()?;
                self.journal(record, Outcome::Error, None).await?;
                Err(Rejection::Internal)
            }
        }
    }

    /// Whether there is such an order; `record` is journalled if we fail to find out.
    pub(super) async fn is_ours(
        &self,
        order_id: OrderId,
        record: &DeliveryRecord,
    ) -> Result<bool, Rejection> {
        if self.inner.registry.webhook_secret(order_id).is_some() {
            return Ok(true);
        }
        match self.inner.store.load(order_id).await {
            Ok(found) => Ok(found.is_some()),
            Err(error) => Err(self.failed(error, record.clone()).await),
        }
    }

    /// Our own failure: nothing was changed, and the journal says so.
    pub(super) async fn failed(&self, error: StoreError, record: DeliveryRecord) -> Rejection {
        let named = record.order_id.as_deref().and_then(|it| it.parse().ok());
        error!(order = named.map(ref_of), %error, "webhook failed");
        let rejection = Rejection::from(error);
        if matches!(rejection, Rejection::Internal)
            && let Err(worse) = self.journal(record, Outcome::Error, None).await
        {
            return worse;
        }
        rejection
    }

    pub(super) async fn journal(
        &self,
        record: DeliveryRecord,
        outcome: Outcome,
        audit: Option<AuditEntry>,
    ) -> Result<(), Rejection> {
        self.inner
            .store
            .journal(record, outcome, audit)
            .await
            .map_err(|error| {
                warn!(%error, "a delivery could not be journalled");
                // Not written is not answered: whatever the cause, another copy must come.
                Rejection::Unavailable
            })
    }
}

/// What ZenoPay answers is the evidence, in the place of what the delivery says.
pub(super) fn evidence_of(answer: Option<StatusAnswer>) -> Evidence {
    match answer {
        Some(StatusAnswer::Known(report)) => Evidence::OrderStatus(report),
        Some(StatusAnswer::Unknown(_)) | None => Evidence::Unconfirmed,
    }
}
