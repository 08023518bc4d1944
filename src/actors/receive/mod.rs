//! Hands a webhook to its order's actor if it is proven (`proof.rs`), and journals it.
//!
//! # Invariants
//! A webhook that is not proven changes nothing, and its sender learns nothing. It is only a reason
//! to check the order's status at ZenoPay (`unverified.rs`), and the answer is the evidence.

use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{error, warn};

use super::order::{Command, HandleError, Handled};
use super::status_checks::{CheckOrigin, SharedCheck};
use super::{Orders, ref_of};
use crate::config::Confirm;
use crate::domain::order::{Evidence, GatewayReport, OrderId, ReportedStatus};
use crate::domain::pacing::check_schedule;
use crate::gateways::zenopay::proof::Proof;
use crate::gateways::zenopay::wire::{Notification, StatusAnswer, Unreadable};
use crate::store::{AuditEntry, DeliveryRecord, StoreError};
use delivery::{Claim, ParsedWebhook, Rejection};

pub(super) mod delivery;
mod proof;
pub(super) mod unverified;
pub(super) mod without_key;

impl Orders {
    /// Handles one webhook, to its end.
    pub(super) async fn handle_webhook(
        &self,
        webhook: ParsedWebhook,
        claim: Claim,
        place: OwnedSemaphorePermit,
    ) -> Result<Handled, Rejection> {
        let (notification, mut record) = (webhook.notification, webhook.record);
        let (proof, loaded, place) = match claim {
            // `place` is kept until this returns; the command takes another permit in `send`.
            Claim::Unverified(order_id) => return self.take_unverified(order_id, record).await,
            Claim::Proven(proof) => (proof, None, place),
            Claim::Token { by_key, token } => {
                record.proof = by_key.map(|proof| proof.into_str());
                let (proof, payment) = self.prove(&record, by_key, &token).await?;
                // The webhook is proven now, so it moves to a place of a proven one.
                drop(place);
                let place = self.enter_proven()?;
                (proof, Some(payment), place)
            }
        };
        record.proof = Some(proof.into_str());
        if let (Proof::Token, Some(order_id)) = (proof, webhook.order_id) {
            let now = self.inner.checker.timekeeper().now();
            if !self.inner.without_key.takes(order_id, now) {
                return Err(Rejection::Busy);
            }
            record.is_surplus = !self.inner.without_key.keeps(order_id, &record.body, now);
        }
        self.inner.store.clock().trusted()?;
        let (order_id, report) = self.report_of(notification, &record, None).await?;
        // An unknown order is not checked with ZenoPay: its actor answers `UnknownOrder`.
        let checks = self.needs_check(&report) && self.is_ours(order_id, &record).await?;
        let checker = &self.inner.checker;
        let evidence = if checks {
            evidence_of(checker.check(order_id, CheckOrigin::Trusted).await)
        } else {
            Evidence::Gateway(report)
        };
        let mut command = Command::of(evidence);
        command.loaded = loaded;
        self.handle_delivery(order_id, command, record, Some(place))
            .await
    }

    /// The order that a webhook is about, and its report. A webhook without them is journalled and
    /// refused.
    pub(super) async fn report_of(
        &self,
        notification: Result<Notification, Unreadable>,
        record: &DeliveryRecord,
        audit: Option<&AuditEntry>,
    ) -> Result<(OrderId, GatewayReport), Rejection> {
        let rejection = match notification {
            Ok(notification) => match notification.order_id {
                Some(order_id) => return Ok((order_id, notification.report)),
                None => Rejection::UnknownOrder,
            },
            Err(unreadable) => Rejection::Malformed(unreadable),
        };
        let (record, audit) = (record.clone(), audit.cloned());
        Err(self.reject(record, rejection, audit).await)
    }

    /// Whether a proven webhook needs a status check before it counts as evidence.
    pub(super) fn needs_check(&self, report: &GatewayReport) -> bool {
        self.inner.auth.confirm == Confirm::Always || report.needs_confirmation()
    }

    /// A webhook without proof: if the order is ours, its status is checked with ZenoPay. Webhooks that
    /// come at the same moment share one check.
    async fn take_unverified(
        &self,
        order_id: OrderId,
        mut record: DeliveryRecord,
    ) -> Result<Handled, Rejection> {
        // Always from the database, and before anything else: how long a refusal takes must not
        // tell whether the order is active. The refusal of an existing order also waits for ZenoPay.
        match self.inner.store.load_for_guest(order_id).await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Rejection::NotAuthentic),
            Err(error) => return Err(self.reject_failed(error, record).await),
        }
        let Some(report) = self.follow_up(order_id).await else {
            // An unconfirmed webhook is neither evidence nor journalled.
            return Err(Rejection::NotAuthentic);
        };
        record.proof = Some(Proof::OrderStatus.into_str());
        let now = self.inner.checker.timekeeper().now();
        record.is_surplus = !self.inner.without_key.keeps(order_id, &record.body, now);
        let command = Command::of(Evidence::OrderStatus(report));
        let done = self.handle_delivery(order_id, command, record, None).await;
        if let Err(Rejection::Busy) = done {
            self.check_again_soon(order_id).await;
            return Err(Rejection::NotAuthentic);
        }
        done
    }

    /// What ZenoPay says about an order that an unverified webhook names, if it says "paid".
    async fn follow_up(&self, order_id: OrderId) -> Option<GatewayReport> {
        let checker = &self.inner.checker;
        let start = || {
            let check = checker.begin(order_id, CheckOrigin::Unverified)?;
            let (orders, timekeeper) = (self.clone(), checker.timekeeper().clone());
            // In its own task: a webhook that is cancelled must not cancel the others that share it.
            let work = async move { orders.check_unverified(order_id, check).await };
            let task = self.inner.background.spawn(work);
            let follow_up = async move { (task.await.ok().flatten(), timekeeper.now()) };
            Some(follow_up.boxed().shared())
        };
        let now = checker.timekeeper().now();
        let follow_up = self.inner.recent_checks.join(order_id, now, start)?;
        follow_up.await.0
    }

    async fn check_unverified(
        &self,
        order_id: OrderId,
        check: SharedCheck,
    ) -> Option<GatewayReport> {
        if let Some(StatusAnswer::Known(report)) = check.await {
            if report.word == ReportedStatus::Paid {
                return Some(report);
            }
            let command = Command::of(Evidence::OrderStatus(report));
            if let Err(error) = self.handle(order_id, command).await {
                warn!(order = %order_id.order_ref(), %error, "the result of a status check could not be applied");
            }
        }
        // The payment may have been made without being visible in order-status yet.
        self.check_again_soon(order_id).await;
        None
    }

    /// Has the schedule check once more, because of an unverified webhook that led to a check.
    async fn check_again_soon(&self, order_id: OrderId) {
        let soon = check_schedule::check_soon(self.inner.store.clock().now());
        if let Err(error) = self.inner.store.check_by(order_id, soon).await {
            warn!(order = %order_id.order_ref(), %error, "the next status check could not be brought forward");
        }
    }

    /// Sends the evidence of a webhook to the order's actor, and journals a failure.
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
                // The message has given its place back, and journal writes are limited too.
                let _place = self.enter_proven()?;
                Err(self.reject(record, Rejection::UnknownOrder, audit).await)
            }
            Err(HandleError::Busy) => Err(Rejection::Busy),
            Err(HandleError::Store(error)) => Err(self.reject_failed(error, record).await),
            Err(error @ HandleError::Panicked) => {
                error!(order = %order_id.order_ref(), %error, "webhook failed");
                let _place = self.enter_proven()?;
                Err(self.reject(record, Rejection::Internal, None).await)
            }
        }
    }

    /// Whether there is such an order; `record` is journalled if that cannot be read.
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
            Err(error) => Err(self.reject_failed(error, record.clone()).await),
        }
    }

    /// Logs a database failure, and journals the delivery if the answer is 500. Nothing was changed,
    /// unless it is `CommitUnknown`.
    async fn reject_failed(&self, error: StoreError, record: DeliveryRecord) -> Rejection {
        let order_id = record.order_id.as_deref().and_then(|it| it.parse().ok());
        error!(order = order_id.map(ref_of), %error, "webhook failed");
        self.reject(record, error.into(), None).await
    }

    /// Journals a webhook that is refused for this reason, if such webhooks are journalled. Returns the
    /// answer.
    pub(super) async fn reject(
        &self,
        record: DeliveryRecord,
        rejection: Rejection,
        audit: Option<AuditEntry>,
    ) -> Rejection {
        let Some(outcome) = rejection.outcome() else {
            return rejection;
        };
        // An unreadable body names no order, but came to the order's own URL: ZenoPay knows what it meant.
        let order_id = record.order_id.as_deref().and_then(|it| it.parse().ok());
        let check = order_id.filter(|_| matches!(rejection, Rejection::Malformed(_)));
        let journal = self.inner.store.journal(record, outcome, audit, check);
        match journal.await {
            Ok(()) => rejection,
            Err(error) => {
                warn!(%error, "a delivery could not be journalled");
                // A delivery that is not journalled is not acknowledged, so that ZenoPay sends it again.
                Rejection::Unavailable
            }
        }
    }
}

/// The answer of a status check as evidence, in place of what a webhook says.
pub(super) fn evidence_of(answer: Option<StatusAnswer>) -> Evidence {
    match answer {
        Some(StatusAnswer::Known(report)) => Evidence::OrderStatus(report),
        Some(StatusAnswer::Unknown(_)) | None => Evidence::Unconfirmed,
    }
}
