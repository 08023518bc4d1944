//! A delivery comes in: prove it, hand it to its order's actor, journal it.
//!
//! The rule that must not be broken: what is not proven changes nothing and learns nothing.
//! Without proof a delivery is only a hint to ask ZenoPay, and the answer is the evidence.

use tracing::{error, warn};

use super::Orders;
use super::asks::Asker;
use super::delivery::{Acknowledged, Letter, Rejection, Token};
use super::hints::Verdict;
use super::order::{Case, WeighError};
use crate::config::Confirm;
use crate::domain::evidence::{Evidence, GatewayReport, Word};
use crate::domain::ids::OrderId;
use crate::domain::outcome::Outcome;
use crate::domain::payment::Payment;
use crate::store::{AuditEntry, DeliveryRecord, StoreError};
use crate::zenopay::proof::{KeyCheck, Proof};
use crate::zenopay::wire::StatusAnswer;

/// A hint is journalled once it is confirmed; none that ZenoPay sends is longer.
const HINT_BYTES_MAX: usize = 8 * 1024;

impl Orders {
    /// Takes in one delivery, to its end.
    pub(super) async fn take_in(&self, letter: &Letter) -> Result<Acknowledged, Rejection> {
        let (proof, loaded) = self.prove(letter).await?;
        match (proof, letter.told.as_ref(), letter.in_body) {
            (None, Ok(_), Some(order_id)) if self.takes_hints(letter) => {
                self.take_hint(order_id, letter).await
            }
            (None, _, _) => Err(Rejection::NotAuthentic),
            (Some(_), Err(unreadable), _) => {
                self.journal(letter.record(proof), Outcome::Malformed, None)
                    .await?;
                Err(Rejection::Malformed(*unreadable))
            }
            (Some(_), Ok(_), None) => {
                self.journal(letter.record(proof), Outcome::UnknownOrder, None)
                    .await?;
                Err(Rejection::UnknownOrder)
            }
            (Some(_), Ok(told), Some(order_id)) => {
                let record = letter.record(proof);
                self.take_proven(order_id, &told.report, record, loaded)
                    .await
            }
        }
    }

    fn takes_hints(&self, letter: &Letter) -> bool {
        self.inner.confirm != Confirm::Never && letter.delivery.body.len() <= HINT_BYTES_MAX
    }

    /// Whether ZenoPay is asked before a proven delivery is believed.
    pub(super) fn asks_before_believing(&self, report: &GatewayReport) -> bool {
        self.inner.confirm == Confirm::Always || report.needs_confirmation()
    }

    /// Why the delivery is believed; `None` if it proves nothing.
    async fn prove(&self, letter: &Letter) -> Result<(Option<Proof>, Option<Payment>), Rejection> {
        let by_key = match self.inner.keys.check_key(letter.delivery.key.as_deref()) {
            KeyCheck::Wrong => return Err(Rejection::NotAuthentic),
            KeyCheck::Current => Some(Proof::Key),
            KeyCheck::Previous => Some(Proof::PreviousKey),
            KeyCheck::Absent => None,
        };
        let token = match &letter.token {
            Token::Absent => return Ok((by_key, None)),
            Token::Garbage => return Err(Rejection::NotAuthentic),
            Token::Present(token) => token,
        };

        // It proves one order alone, so a body about another one is not authentic.
        if letter.told.is_ok() && letter.in_body != Some(token.order_id) {
            return Err(Rejection::NotAuthentic);
        }
        let (secret, loaded) = match self.inner.registry.webhook_secret(token.order_id) {
            Some(secret) => (Some(secret), None),
            None => match self.inner.store.load(token.order_id).await {
                Ok(loaded) => (loaded.as_ref().map(|it| it.webhook_secret.clone()), loaded),
                // Whether it is the right token was not found out.
                Err(error) => return Err(self.failed(error, letter.record(by_key)).await),
            },
        };
        match secret {
            Some(secret) if token.matches(&secret) => Ok((by_key.or(Some(Proof::Token)), loaded)),
            _ => Err(Rejection::NotAuthentic),
        }
    }

    async fn take_proven(
        &self,
        order_id: OrderId,
        report: &GatewayReport,
        record: DeliveryRecord,
        loaded: Option<Payment>,
    ) -> Result<Acknowledged, Rejection> {
        let mut case = Case::of(Evidence::Gateway(report.clone()));
        case.delivery = Some(record.clone());
        case.loaded = loaded;
        if self.asks_before_believing(report) && self.is_ours(order_id, &record).await? {
            match self.inner.asks.ask(order_id, Asker::Ourselves).await {
                Some(answer) => put_answer(&mut case, answer),
                None => put_silence(&mut case),
            }
        }
        self.have_weighed(order_id, case, record).await
    }

    /// A delivery without proof about an order of ours: ask ZenoPay, once for all who hint
    /// at the same moment.
    async fn take_hint(
        &self,
        order_id: OrderId,
        letter: &Letter,
    ) -> Result<Acknowledged, Rejection> {
        if !self.is_ours(order_id, &letter.record(None)).await? {
            return Err(Rejection::NotAuthentic);
        }
        match self.follow_hint(order_id).await {
            Some(Verdict::Paid(report)) => {
                let record = letter.record(Some(Proof::OrderStatus));
                let mut case = Case::of(Evidence::OrderStatus(report));
                case.delivery = Some(record.clone());
                self.have_weighed(order_id, case, record).await
            }
            // What was not confirmed is neither believed nor journalled.
            Some(Verdict::NotPaid) => Err(Rejection::NotAuthentic),
            None => Err(Rejection::Busy),
        }
    }

    /// Has the order's actor weigh the case; what goes wrong is journalled.
    pub(super) async fn have_weighed(
        &self,
        order_id: OrderId,
        case: Case,
        record: DeliveryRecord,
    ) -> Result<Acknowledged, Rejection> {
        let audit = case.audit.clone();
        match self.inner.registry.send(order_id, case).await {
            Ok(weighed) => Ok(Acknowledged::from(&weighed)),
            Err(WeighError::UnknownOrder) => {
                self.journal(record, Outcome::UnknownOrder, audit).await?;
                Err(Rejection::UnknownOrder)
            }
            Err(WeighError::Busy) => Err(Rejection::Busy),
            Err(WeighError::Store(error)) => Err(self.failed(error, record).await),
            Err(error @ WeighError::Panicked) => {
                error!(%order_id, %error, "webhook failed");
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
    async fn failed(&self, error: StoreError, record: DeliveryRecord) -> Rejection {
        error!(order_id = record.order_id, %error, "webhook failed");
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
pub(super) fn put_answer(case: &mut Case, answer: StatusAnswer) {
    match answer {
        StatusAnswer::Known(report) => {
            case.unconfirmed = report.word != Word::Paid;
            case.evidence = Evidence::OrderStatus(report);
        }
        StatusAnswer::Unknown(_) => put_silence(case),
    }
}

fn put_silence(case: &mut Case) {
    case.unconfirmed = true;
    case.evidence = Evidence::Unconfirmed;
}
