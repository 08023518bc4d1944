//! Requests of operators and owners: an operator's act, a manual status check, the replay of a journalled
//! webhook, a new code. All of it goes through the order's actor, in a task that no client cancels.
//!
//! # Invariants
//! - A body is evidence only if it was proven when it came. A replay of an unproven one is no more than
//!   a reason to check the order's status.
//! - A request for a new code names the version of the order that the requester saw. Each new code raises
//!   the version, so the second of two requests with the same version is a duplicate.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use chrono::TimeDelta;
use tracing::error;

use super::{Command, HandleError, Handled};
use crate::actors::Orders;
use crate::actors::receive::delivery::{Delivery, ParsedWebhook, Rejection};
use crate::actors::receive::evidence_of;
use crate::actors::status_checks::CheckOrigin;
use crate::domain::order::evidence::REISSUE_WINDOW;
use crate::domain::order::{
    Evidence, OrderAct, OrderId, Outcome, Payment, ReissueInput, ReissuedBy, Status,
};
use crate::domain::people::Personal;
use crate::gateways::zenopay::proof::Proof;
use crate::gateways::zenopay::wire::StatusAnswer;
use crate::store::{AuditEntry, JournalRow};

/// The result of a status check by hand.
#[derive(Clone, Debug)]
pub struct Reconciled {
    /// ZenoPay's answer, or why there is none.
    pub answer: StatusAnswer,
    /// What the answer changed.
    pub handled: Handled,
}

/// The result of a request for a new code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReissueOutcome {
    /// There is a new code.
    Replaced,
    /// The code was replaced before, since the version that the guest saw.
    AlreadyReplaced,
    /// The daily limit is reached. The owner may try again after this time.
    DailyLimit(TimeDelta),
    /// There is no valid voucher.
    NoValidVoucher,
}

/// The result of a request for a new code, and the order as it is now.
#[derive(Clone, Debug)]
pub struct Reissue {
    /// The result.
    pub outcome: ReissueOutcome,
    /// The order as it is now.
    pub payment: Arc<Payment>,
}

/// The party that has a code replaced.
pub enum Requester {
    /// An owner, who saw this version of the order. The caller has checked the owner link; an order id
    /// is not enough.
    Owner(i32),
    /// An operator, whose act is logged with its effect, and the version that the operator saw, if known.
    Operator(AuditEntry, Option<i32>),
}

impl Orders {
    /// Executes an operator's act, and logs it with its effect.
    ///
    /// # Errors
    /// The [`HandleError`]; nothing was written, unless it is `CommitUnknown` or `Panicked`.
    pub async fn act(
        &self,
        order_id: OrderId,
        act: OrderAct,
        reason: String,
        audit: AuditEntry,
    ) -> Result<Handled, HandleError> {
        let command = Command::of(Evidence::Operator(act, Personal::new(reason))).audited(audit);
        let orders = self.clone();
        let work = async move { orders.handle(order_id, command).await };
        self.run_detached(HandleError::Panicked, work).await
    }

    /// Gives an order up, as its guest wishes.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub async fn let_go(&self, order_id: OrderId) -> Result<Handled, HandleError> {
        let orders = self.clone();
        let work = async move { orders.handle(order_id, Command::of(Evidence::LetGo)).await };
        self.run_detached(HandleError::Panicked, work).await
    }

    /// Checks an order's status at ZenoPay, once, and applies the answer.
    ///
    /// # Errors
    /// [`HandleError::Busy`] if no check could be made; else as [`handle`](Self::handle).
    pub async fn reconcile(
        &self,
        order_id: OrderId,
        audit: AuditEntry,
    ) -> Result<Reconciled, HandleError> {
        let orders = self.clone();
        let work = async move {
            // No call to ZenoPay for an unknown order.
            if orders.inner.store.load(order_id).await?.is_none() {
                return Err(HandleError::UnknownOrder);
            }
            let checker = &orders.inner.checker;
            let answer = checker.check(order_id, CheckOrigin::Trusted).await;
            let answer = answer.ok_or(HandleError::Busy)?;
            let command = Command::of(evidence_of(Some(answer.clone()))).audited(audit);
            let handled = orders.handle(order_id, command).await?;
            Ok(Reconciled { answer, handled })
        };
        self.run_detached(HandleError::Panicked, work).await
    }

    /// Handles a journalled webhook again as if it came now, and journals the result.
    ///
    /// # Errors
    /// The [`Rejection`]; never `NotAuthentic`, which only a webhook itself gets.
    pub async fn replay(
        &self,
        row: &JournalRow,
        body: Vec<u8>,
        audit: AuditEntry,
    ) -> Result<Handled, Rejection> {
        let webhook = self.replayed(row, body.into());
        let work = self.clone().handle_again(webhook, audit);
        self.run_detached(Rejection::Internal, work).await
    }

    /// Runs work in its own task, so that a client that disconnects does not cancel it.
    async fn run_detached<T: Send + 'static, E: Send + 'static>(
        &self,
        if_panicked: E,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E> {
        let done = self.inner.background.spawn(work).await;
        done.unwrap_or_else(|panic| {
            error!(%panic, "an act panicked");
            Err(if_panicked)
        })
    }

    async fn handle_again(
        self,
        webhook: ParsedWebhook,
        mut audit: AuditEntry,
    ) -> Result<Handled, Rejection> {
        let (notification, mut record) = (webhook.notification, webhook.record);
        let (order_id, report) = self.report_of(notification, &record, Some(&audit)).await?;
        audit.order_id = Some(order_id);

        let is_proven = record.proof.is_some();
        let checks = !is_proven || self.needs_check(&report);
        let mut command = Command::of(Evidence::Gateway(report)).audited(audit);
        if checks {
            if !self.is_ours(order_id, &record).await? {
                let unknown = Rejection::UnknownOrder;
                return Err(self.reject(record, unknown, command.audit).await);
            }
            let checker = &self.inner.checker;
            let answer = checker.check(order_id, CheckOrigin::Trusted).await;
            command.evidence = evidence_of(Some(answer.ok_or(Rejection::Busy)?));
            if !is_proven && !command.evidence.is_unconfirmed() {
                record.proof = Some(Proof::OrderStatus.into_str());
            }
        }
        self.handle_delivery(order_id, command, record, None).await
    }

    /// Gives an order's voucher another code.
    ///
    /// # Errors
    /// The [`HandleError`]; nothing was written, unless it is `CommitUnknown` or `Panicked`.
    pub async fn reissue(
        &self,
        order_id: OrderId,
        requester: Requester,
    ) -> Result<Reissue, HandleError> {
        let work = self.clone().replace_code(order_id, requester);
        self.run_detached(HandleError::Panicked, work).await
    }

    async fn replace_code(
        self,
        order_id: OrderId,
        requester: Requester,
    ) -> Result<Reissue, HandleError> {
        let store = &self.inner.store;
        let payment = store.load(order_id).await?;
        let payment = payment.ok_or(HandleError::UnknownOrder)?;
        let (by, seen, audit) = match requester {
            Requester::Owner(seen) => (ReissuedBy::Owner, seen, None),
            Requester::Operator(audit, seen) => {
                let seen = seen.unwrap_or(payment.version);
                (ReissuedBy::Operator, seen, Some(audit))
            }
        };
        let voucher = match (payment.status, &payment.voucher) {
            (Status::Completed, Some(voucher)) if voucher.revoked_at.is_none() => voucher,
            _ => return without_effect(ReissueOutcome::NoValidVoucher, payment),
        };
        if payment.version != seen {
            return without_effect(ReissueOutcome::AlreadyReplaced, payment);
        }
        let now = store.clock().now();
        let lately = now - REISSUE_WINDOW;
        let replaced = store.reissue_count(payment.id, lately).await?;
        let used = store.voucher_usage(&voucher.code).await?;
        let usage = used.map(|(_, usage)| usage).unwrap_or_default();
        let request = ReissueInput {
            by,
            seen,
            usage,
            replaced,
        };
        let mut command = Command::of(Evidence::Reissue(request));
        command.loaded = Some(payment);
        command.audit = audit;

        let handled = self.handle(order_id, command).await?;
        let is_at_limit = by == ReissuedBy::Owner && replaced.is_at_limit();
        let wait = replaced.full_at.map_or(now, |at| at.min(now)) + REISSUE_WINDOW - now;
        Ok(Reissue {
            outcome: match (handled.refused, handled.outcome) {
                (true, _) if is_at_limit => ReissueOutcome::DailyLimit(wait),
                (true, _) => ReissueOutcome::NoValidVoucher,
                (false, Outcome::Duplicate) => ReissueOutcome::AlreadyReplaced,
                (false, _) => ReissueOutcome::Replaced,
            },
            payment: handled.payment,
        })
    }

    /// A journalled webhook as if it came now. It keeps its proof unless that was a status check, which
    /// is repeated.
    fn replayed(&self, row: &JournalRow, body: Bytes) -> ParsedWebhook {
        let without_check = [Proof::Key, Proof::PreviousKey, Proof::Token].map(|it| it.into_str());
        let delivery = Delivery {
            body,
            key: None,
            path_token: None,
            content_type: row.content_type.clone(),
            received_at: self.inner.store.clock().now(),
            received: Instant::now(),
        };
        let mut webhook = ParsedWebhook::read(delivery, &self.inner.auth.keys);
        webhook.record.source = "replay";
        webhook.record.order_id = row.order_id.clone();
        let mut without_check = without_check.into_iter();
        webhook.record.proof = without_check.find(|proof| Some(*proof) == row.proof.as_deref());
        match webhook.record.proof {
            Some(proof) if proof == Proof::Token.into_str() => webhook.at_own_url(),
            Some(_) | None => webhook,
        }
    }
}

fn without_effect(outcome: ReissueOutcome, payment: Payment) -> Result<Reissue, HandleError> {
    let payment = Arc::new(payment);
    Ok(Reissue { outcome, payment })
}
