//! A delivery comes in: prove it, read it, hand it to its order's actor, journal it.
//! Nothing after this looks at JSON.
//!
//! The rule that must not be broken: what is not proven changes nothing and learns nothing.
//! Without proof a delivery is only a hint to ask ZenoPay, and the answer is the evidence.

use chrono::Utc;
use tracing::{error, info, warn};

use super::Orders;
use super::delivery::{Acknowledged, Delivery, Rejection};
use super::order::{Case, WeighError};
use crate::config::Confirm;
use crate::domain::ask_schedule;
use crate::domain::evidence::{Evidence, Word};
use crate::domain::ids::OrderId;
use crate::domain::outcome::Outcome;
use crate::domain::payment::Payment;
use crate::store::{DeliveryRecord, StoreError};
use crate::zenopay::proof::{KeyCheck, PathToken, Proof};
use crate::zenopay::wire::{Notification, StatusAnswer, Unreadable, read_webhook};

impl Orders {
    /// Takes in one delivery, to its end. Also says which order it names, for the log.
    pub(super) async fn take_in(
        &self,
        delivery: Delivery,
    ) -> (Option<OrderId>, Result<Acknowledged, Rejection>) {
        let read = read_webhook(&delivery.body);
        let token = delivery.path_token.as_deref().map(PathToken::read);
        let in_body = read
            .as_ref()
            .ok()
            .and_then(|told| told.order_id.parse::<OrderId>().ok());
        let in_path = token.iter().flatten().map(|token| token.order_id).next();
        let named = in_body.or(in_path);
        info!(
            order_id = named.map(tracing::field::display),
            "webhook received"
        );

        let result = match &token {
            // In the place of a token, but none.
            Some(None) => Err(Rejection::NotAuthentic),
            Some(Some(token)) => self.believe(&delivery, Some(token), &read, in_body).await,
            None => self.believe(&delivery, None, &read, in_body).await,
        };
        (named, result)
    }

    /// Settles the proof, then says what becomes of the delivery.
    async fn believe(
        &self,
        delivery: &Delivery,
        token: Option<&PathToken>,
        read: &Result<Notification, Unreadable>,
        named: Option<OrderId>,
    ) -> Result<Acknowledged, Rejection> {
        let (proof, loaded) = self.prove(delivery, token, read, named).await?;
        let record = |proof: Proof| delivery.record(proof, token, read);
        match (proof, read.as_ref(), named) {
            (None, Ok(_), Some(order_id)) if self.inner.confirm != Confirm::Never => {
                self.take_hint(order_id, record(Proof::OrderStatus)).await
            }
            (None, _, _) => Err(Rejection::NotAuthentic),
            (Some(proof), Err(unreadable), _) => {
                self.journal(record(proof), Outcome::Malformed).await?;
                Err(Rejection::Malformed(*unreadable))
            }
            (Some(proof), Ok(_), None) => {
                self.journal(record(proof), Outcome::UnknownOrder).await?;
                Err(Rejection::UnknownOrder)
            }
            (Some(proof), Ok(told), Some(order_id)) => {
                self.take_proven(order_id, told, record(proof), loaded)
                    .await
            }
        }
    }

    /// Why the delivery is believed; `None` if it proves nothing.
    async fn prove(
        &self,
        delivery: &Delivery,
        token: Option<&PathToken>,
        read: &Result<Notification, Unreadable>,
        named: Option<OrderId>,
    ) -> Result<(Option<Proof>, Option<Payment>), Rejection> {
        let by_key = match self.inner.keys.check_key(delivery.key.as_deref()) {
            KeyCheck::Wrong => return Err(Rejection::NotAuthentic),
            KeyCheck::Current => Some(Proof::Key),
            KeyCheck::Previous => Some(Proof::PreviousKey),
            KeyCheck::Absent => None,
        };
        let Some(token) = token else {
            return Ok((by_key, None));
        };

        // It proves one order alone, so a body about another one is not authentic.
        if read.is_ok() && named != Some(token.order_id) {
            return Err(Rejection::NotAuthentic);
        }
        let (secret, loaded) = match self.inner.registry.webhook_secret(token.order_id) {
            Some(secret) => (Some(secret), None),
            None => {
                let loaded = self.inner.store.load(token.order_id).await?;
                (
                    loaded
                        .as_ref()
                        .map(|payment| payment.webhook_secret.clone()),
                    loaded,
                )
            }
        };
        match secret {
            Some(secret) if token.matches(&secret) => Ok((by_key.or(Some(Proof::Token)), loaded)),
            _ => Err(Rejection::NotAuthentic),
        }
    }

    async fn take_proven(
        &self,
        order_id: OrderId,
        told: &Notification,
        record: DeliveryRecord,
        loaded: Option<Payment>,
    ) -> Result<Acknowledged, Rejection> {
        let mut case = Case {
            evidence: Evidence::Gateway(told.report.clone()),
            delivery: Some(record.clone()),
            unconfirmed: false,
            loaded,
        };
        if self.inner.confirm == Confirm::Always && self.is_ours(order_id).await? {
            match self.inner.asks.ask(order_id).await {
                Some(StatusAnswer::Known(report)) => {
                    case.unconfirmed = report.word != Word::Paid;
                    case.evidence = Evidence::Gateway(report);
                }
                Some(StatusAnswer::Unknown(_)) | None => {
                    case.unconfirmed = true;
                    case.evidence = Evidence::Unconfirmed;
                }
            }
        }
        match self.inner.registry.send(order_id, case).await {
            Ok(weighed) => Ok(Acknowledged::from(&weighed)),
            Err(WeighError::UnknownOrder) => {
                self.journal(record, Outcome::UnknownOrder).await?;
                Err(Rejection::UnknownOrder)
            }
            Err(WeighError::Busy) => Err(Rejection::Busy),
            Err(WeighError::Store(error)) => Err(self.failed(error, record).await),
            Err(error @ WeighError::Panicked) => {
                error!(%order_id, %error, "webhook failed");
                self.journal(record, Outcome::Error).await?;
                Err(Rejection::Internal)
            }
        }
    }

    /// A delivery without proof about an order of ours: ask ZenoPay.
    async fn take_hint(
        &self,
        order_id: OrderId,
        record: DeliveryRecord,
    ) -> Result<Acknowledged, Rejection> {
        if !self.is_ours(order_id).await? {
            return Err(Rejection::NotAuthentic);
        }
        match self.inner.asks.ask(order_id).await {
            Some(StatusAnswer::Known(report)) => {
                let paid = report.word == Word::Paid;
                let mut case = Case::of(Evidence::Gateway(report));
                // What was not confirmed is not journalled as believed.
                case.delivery = paid.then(|| record.clone());
                let weighed = self.inner.registry.send(order_id, case).await;
                match weighed {
                    Ok(weighed) if paid => return Ok(Acknowledged::from(&weighed)),
                    Ok(_) => {}
                    Err(WeighError::Busy) => return Err(Rejection::Busy),
                    Err(WeighError::Store(error)) if paid => {
                        return Err(self.failed(error, record).await);
                    }
                    Err(error) => warn!(%order_id, %error, "a hint could not be followed"),
                }
            }
            Some(StatusAnswer::Unknown(_)) | None => {}
        }
        let soon = ask_schedule::ask_soon(Utc::now());
        if let Err(error) = self.inner.store.ask_by(order_id, soon).await {
            warn!(%order_id, %error, "the next ask could not be brought forward");
        }
        Err(Rejection::NotAuthentic)
    }

    async fn is_ours(&self, order_id: OrderId) -> Result<bool, Rejection> {
        if self.inner.registry.webhook_secret(order_id).is_some() {
            return Ok(true);
        }
        Ok(self.inner.store.load(order_id).await?.is_some())
    }

    /// Our own failure: nothing was changed, and the journal says so.
    async fn failed(&self, error: StoreError, record: DeliveryRecord) -> Rejection {
        error!(order_id = record.order_id, %error, "webhook failed");
        let rejection = Rejection::from(error);
        if matches!(rejection, Rejection::Internal)
            && let Err(worse) = self.journal(record, Outcome::Error).await
        {
            return worse;
        }
        rejection
    }

    async fn journal(&self, record: DeliveryRecord, outcome: Outcome) -> Result<(), Rejection> {
        self.inner
            .store
            .journal(record, outcome)
            .await
            .map_err(|error| {
                warn!(%error, "a delivery could not be journalled");
                error.into()
            })
    }
}
