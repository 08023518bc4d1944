//! What operators have decided again: a delivery of the journal, an order that ZenoPay is
//! asked about, an act of their own. All of it goes through the order's actor.
//!
//! # Invariants
//! A body is evidence only if it was proven when it came. One that was not is still no more than a
//! reason to ask ZenoPay, also when an operator replays it.

use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::task::JoinError;
use tracing::error;

use super::{Command, HandleError, Handled};
use crate::actors::Orders;
use crate::actors::receive::delivery::{Delivery, ParsedWebhook, Rejection};
use crate::actors::receive::evidence_of;
use crate::actors::status_checks::CheckOrigin;
use crate::domain::order::{Evidence, OperatorAct, OrderId, Outcome};
use crate::gateways::zenopay::proof::Proof;
use crate::gateways::zenopay::wire::StatusAnswer;
use crate::store::{AuditEntry, JournalRow};

/// What ZenoPay said about an order and what became of it.
#[derive(Clone, Debug)]
pub struct Reconciled {
    /// In ZenoPay's words, or why it said nothing.
    pub answer: StatusAnswer,
    /// What followed.
    pub handled: Handled,
}

impl Orders {
    /// Has an operator's act done, and logged with its effect.
    ///
    /// # Errors
    /// The [`HandleError`]; nothing was written, unless the store says that it does not know.
    pub async fn act(
        &self,
        order_id: OrderId,
        act: OperatorAct,
        audit: AuditEntry,
    ) -> Result<Handled, HandleError> {
        let command = Command::of(Evidence::Operator(act)).audited(audit);
        let orders = self.clone();
        self.to_its_end(async move { orders.handle(order_id, command).await })
            .await
    }

    /// Asks ZenoPay about an order, once, and applies what it says.
    ///
    /// # Errors
    /// [`HandleError::Busy`] when too many asks are under way; else as [`handle`](Self::handle).
    pub async fn reconcile(
        &self,
        order_id: OrderId,
        audit: AuditEntry,
    ) -> Result<Reconciled, HandleError> {
        let orders = self.clone();
        self.to_its_end(async move { orders.ask_and_handle(order_id, audit).await })
            .await
    }

    /// Decides a delivery of the journal again, as if it came now, and journals that.
    ///
    /// # Errors
    /// The [`Rejection`] that the delivery itself would meet.
    pub async fn replay(
        &self,
        row: &JournalRow,
        body: Vec<u8>,
        audit: AuditEntry,
    ) -> Result<Handled, Rejection> {
        let webhook = replayed(row, body.into(), self.inner.store.clock().now());
        let orders = self.clone();
        self.to_its_end(async move { orders.decide_again(webhook, audit).await })
            .await
    }

    /// In a task of its own, which no client that leaves cancels.
    pub(super) async fn to_its_end<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<JoinError> + Send + 'static,
    {
        let done = self.inner.background.spawn(work).await;
        done.inspect_err(|panic| error!(%panic, "an act panicked"))?
    }

    async fn ask_and_handle(
        &self,
        order_id: OrderId,
        audit: AuditEntry,
    ) -> Result<Reconciled, HandleError> {
        if self.inner.store.load(order_id).await?.is_none() {
            return Err(HandleError::UnknownOrder);
        }
        let asked = self.inner.asks.ask(order_id, CheckOrigin::Ourselves).await;
        let answer = asked.ok_or(HandleError::Busy)?;
        let command = Command::of(evidence_of(Some(answer.clone()))).audited(audit);
        let handled = self.handle(order_id, command).await?;
        Ok(Reconciled { answer, handled })
    }

    async fn decide_again(
        &self,
        webhook: ParsedWebhook,
        mut audit: AuditEntry,
    ) -> Result<Handled, Rejection> {
        let ParsedWebhook {
            said, mut record, ..
        } = webhook;
        let (order_id, report) = self.report_of(said, &record, Some(&audit)).await?;
        audit.order_id = Some(order_id);

        let is_proven = record.proof.is_some();
        let asks = !is_proven || self.asks_before_believing(&report);
        let mut command = Command::of(Evidence::Gateway(report)).audited(audit);
        if asks {
            if !self.is_ours(order_id, &record).await? {
                self.journal(record, Outcome::UnknownOrder, command.audit)
                    .await?;
                return Err(Rejection::UnknownOrder);
            }
            let asked = self.inner.asks.ask(order_id, CheckOrigin::Ourselves).await;
            command.evidence = evidence_of(Some(asked.ok_or(Rejection::Busy)?));
            if !is_proven && !command.evidence.is_unconfirmed() {
                record.proof = Some(Proof::OrderStatus.as_str());
            }
        }
        self.handle_delivery(order_id, command, record, None).await
    }
}

/// A delivery of the journal as if it came now. Of its proofs those stand that were about the body
/// itself.
fn replayed(row: &JournalRow, body: Bytes, now: DateTime<Utc>) -> ParsedWebhook {
    let by_itself = [Proof::Key, Proof::PreviousKey, Proof::Token].map(Proof::as_str);
    let mut webhook = ParsedWebhook::read(Delivery {
        body,
        key: None,
        path_token: None,
        content_type: row.content_type.clone(),
        received_at: now,
        received: Instant::now(),
    });
    webhook.record.source = "replay";
    webhook.record.order_id = row.order_id.clone();
    webhook.record.proof = by_itself
        .into_iter()
        .find(|proof| Some(*proof) == row.proof.as_deref());
    webhook
}
