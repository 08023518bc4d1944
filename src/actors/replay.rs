//! What operators have decided again: a delivery of the journal, an order that ZenoPay is
//! asked about, an act of their own. All of it goes through the order's actor.
//!
//! The rule that must not be broken: a body is evidence only if it was proven when it came.
//! One that was not is still no more than a hint, whoever replays it.

use std::time::Instant;

use chrono::{DateTime, Utc};
use tracing::error;

use super::asks::Asker;
use super::delivery::{Acknowledged, Rejection};
use super::order::{Case, WeighError, Weighed};
use super::{Orders, intake};
use crate::domain::evidence::{Evidence, OperatorAct};
use crate::domain::ids::OrderId;
use crate::domain::outcome::Outcome;
use crate::store::{AuditEntry, DeliveryRecord, KeptDelivery};
use crate::zenopay::proof::Proof;
use crate::zenopay::wire::{StatusAnswer, read_webhook};

/// What ZenoPay said about an order and what became of it.
#[derive(Clone, Debug)]
pub struct Reconciled {
    /// In ZenoPay's words, or why it said nothing.
    pub answer: StatusAnswer,
    /// What followed.
    pub weighed: Weighed,
}

impl Orders {
    /// Has an operator's act weighed, and logged with its effect.
    ///
    /// # Errors
    /// The [`WeighError`]; nothing was written, unless the store says that it does not know.
    pub async fn act(
        &self,
        order_id: OrderId,
        act: OperatorAct,
        audit: AuditEntry,
    ) -> Result<Weighed, WeighError> {
        let case = Case::of(Evidence::Operator(act)).audited(audit);
        let orders = self.clone();
        self.to_its_end(async move { orders.weigh(order_id, case).await })
            .await
            .unwrap_or(Err(WeighError::Panicked))
    }

    /// Asks ZenoPay about an order, once, and applies what it says.
    ///
    /// # Errors
    /// [`WeighError::Busy`] when too many asks are under way; else as [`weigh`](Self::weigh).
    pub async fn reconcile(
        &self,
        order_id: OrderId,
        audit: AuditEntry,
    ) -> Result<Reconciled, WeighError> {
        let orders = self.clone();
        self.to_its_end(async move { orders.ask_and_weigh(order_id, audit).await })
            .await
            .unwrap_or(Err(WeighError::Panicked))
    }

    /// Decides a delivery of the journal again, as if it came now, and journals that.
    ///
    /// # Errors
    /// The [`Rejection`] that the delivery itself would meet.
    pub async fn replay(
        &self,
        kept: KeptDelivery,
        audit: AuditEntry,
    ) -> Result<Acknowledged, Rejection> {
        let orders = self.clone();
        self.to_its_end(async move { orders.decide_again(kept, audit).await })
            .await
            .unwrap_or(Err(Rejection::Internal))
    }

    /// In a task of its own, which no client that leaves cancels. `None` is a bug of ours.
    pub(super) async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let done = self.inner.background.spawn(work).await;
        done.inspect_err(|panic| error!(%panic, "an act panicked"))
            .ok()
    }

    async fn ask_and_weigh(
        &self,
        order_id: OrderId,
        audit: AuditEntry,
    ) -> Result<Reconciled, WeighError> {
        if self.inner.store.load(order_id).await?.is_none() {
            return Err(WeighError::UnknownOrder);
        }
        let asked = self.inner.asks.ask(order_id, Asker::Ourselves).await;
        let answer = asked.ok_or(WeighError::Busy)?;
        let evidence = match &answer {
            StatusAnswer::Known(report) => Evidence::OrderStatus(report.clone()),
            StatusAnswer::Unknown(_) => Evidence::Unconfirmed,
        };
        let weighed = self
            .weigh(order_id, Case::of(evidence).audited(audit))
            .await?;
        Ok(Reconciled { answer, weighed })
    }

    async fn decide_again(
        &self,
        kept: KeptDelivery,
        mut audit: AuditEntry,
    ) -> Result<Acknowledged, Rejection> {
        let told = read_webhook(&kept.body);
        let mut record = replayed(kept, self.inner.store.clock().now());
        let told = match told {
            Ok(told) => told,
            Err(unreadable) => {
                self.journal(record, Outcome::Malformed, Some(audit))
                    .await?;
                return Err(Rejection::Malformed(unreadable));
            }
        };
        let Some(order_id) = told.names else {
            self.journal(record, Outcome::UnknownOrder, Some(audit))
                .await?;
            return Err(Rejection::UnknownOrder);
        };
        audit.order_id = Some(order_id);

        let is_proven = record.proof.is_some();
        let asks = !is_proven || self.asks_before_believing(&told.report);
        let mut case = Case::of(Evidence::Gateway(told.report)).audited(audit);
        if asks {
            if !self.is_ours(order_id, &record).await? {
                self.journal(record, Outcome::UnknownOrder, case.audit)
                    .await?;
                return Err(Rejection::UnknownOrder);
            }
            let asked = self.inner.asks.ask(order_id, Asker::Ourselves).await;
            intake::put_answer(&mut case, asked.ok_or(Rejection::Busy)?);
            if !is_proven && !case.unconfirmed {
                record.proof = Some(Proof::OrderStatus.as_str());
            }
        }
        case.delivery = Some(record.clone());
        self.have_weighed(order_id, case, record).await
    }
}

/// The new line of the journal. Of the old one's proofs those stand that were about the
/// body itself.
fn replayed(kept: KeptDelivery, now: DateTime<Utc>) -> DeliveryRecord {
    let by_itself = [Proof::Key, Proof::PreviousKey, Proof::Token].map(Proof::as_str);
    let told = read_webhook(&kept.body).ok();
    let report = told.as_ref().map(|told| &told.report);
    DeliveryRecord {
        order_id: kept.order_id,
        proof: by_itself
            .into_iter()
            .find(|proof| Some(*proof) == kept.proof.as_deref()),
        source: "replay",
        word: report.map(|report| report.raw_word.clone()),
        reference: report.and_then(|report| report.reference.clone()),
        amount: report.and_then(|report| report.amount.whole()),
        received_at: now,
        received: Instant::now(),
        content_type: kept.content_type,
        body: kept.body,
    }
}
