//! A purchase: check the price and the limits, write the order, then push the payment request to the
//! phone, in a task that no client can cancel.
//!
//! # Invariants
//! The order is committed before ZenoPay is called. A push whose result is unknown is never repeated,
//! with this order id or another: the phone may be ringing.
//! A purchase takes a place before its order is written: a ZenoPay that does not answer holds a file for each
//! push, and all of the process's files are not enough for every guest.

use std::sync::Arc;
use std::time::Instant;

use chrono::TimeDelta;
use rand::RngExt;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use serde_json::json;
use tokio::sync::Semaphore;
use tracing::{info, warn};
use url::Url;
use uuid::{Builder, Uuid};

use crate::actors::{Command, Orders};
use crate::domain::access::OwnerToken;
use crate::domain::catalog::{Limits, Package, PackageRef, Purchase, Refusal, Tzs};
use crate::domain::order::{Evidence, OrderId, Payment};
use crate::domain::pacing::Share;
use crate::domain::people::Secret;
use crate::gateways::zenopay::client::Client;
use crate::gateways::zenopay::wire::{CreateAnswer, CreateRequest};
use crate::store::{GatewayCall, NewOrder, Placed, Store, StoreError};
use crate::supervisor::BackgroundTasks;

pub mod printed;

/// Where ZenoPay finds our webhook, below the public URL.
pub const WEBHOOK_PATH: &str = "/api/v1/customer-portal/webhook/zenopay";

/// Creates orders and pushes payment requests. Cheap to clone.
#[derive(Clone)]
pub struct Checkout {
    pub store: Store,
    /// Receives the evidence about a push.
    pub orders: Orders,
    pub client: Client,
    /// Limits per phone.
    pub limits: Limits,
    /// How long an order may stay PENDING.
    pub expire_after: TimeDelta,
    /// Base of the webhook's URL.
    pub public_url: Url,
    /// Runs the pushes.
    pub background: BackgroundTasks,
    /// Places for pushes under way, with their guests' connections.
    pub places: Arc<Semaphore>,
}

/// The result of a purchase.
#[derive(Debug)]
pub enum Bought {
    /// The phone is ringing.
    Pushed(Payment),
    /// It is not known whether the phone rings; the order is checked with ZenoPay later.
    Unclear(Payment),
    /// The client's idempotency key made this order before.
    Resumed(Payment),
}

/// Why no payable order was made.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// Not on sale.
    #[error("no package of that name is on sale")]
    PackageNotFound,
    /// The client expects another price than ours, which is this.
    #[error("the price is {0} TZS")]
    PriceChanged(Tzs),
    /// The key made an order for another phone or package.
    #[error("the Idempotency-Key was used for another purchase")]
    KeyReused,
    /// A limit is reached, or a payment request is open.
    #[error("refused by a limit")]
    Refused(Refusal),
    /// Too many pushes are under way; nothing was written.
    #[error("too many pushes are under way")]
    Busy,
    /// ZenoPay did not push; the order is FAILED.
    #[error("ZenoPay refused to push")]
    GatewayRefused(OrderId),
    /// The database failed; no order was pushed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Checkout {
    /// Makes an order and pushes the payment request to the phone. The order takes the place in its
    /// client's share; a purchase that makes none leaves the share as it is.
    ///
    /// # Errors
    /// The [`CheckoutError`]. Only [`CheckoutError::GatewayRefused`] leaves a row.
    pub async fn buy(
        &self,
        purchase: Purchase,
        share: Arc<Share>,
    ) -> Result<Bought, CheckoutError> {
        if let Some(resumed) = self.resume(&purchase).await? {
            return Ok(Bought::Resumed(resumed));
        }
        self.store.clock().trusted()?;
        let package = self.package(&purchase).await?;
        // Spares the database the transaction, which takes the place.
        let room = share.check(Instant::now());
        room.map_err(CheckoutError::Refused)?;
        let place = self.places.clone().try_acquire_owned();
        let place = place.map_err(|_| CheckoutError::Busy)?;
        let order = self.new_order(&purchase, package, share);
        // In a task of its own: a client that disconnects between the row and the push would
        // otherwise leave an order that is never pushed.
        let checkout = self.clone();
        let placed = async move {
            let _place = place;
            checkout.place(purchase, order).await
        };
        let task = self.background.spawn(placed);
        task.await
            .unwrap_or_else(|panic| Err(StoreError::Panicked(panic.to_string()).into()))
    }

    async fn place(&self, purchase: Purchase, order: NewOrder) -> Result<Bought, CheckoutError> {
        let order_id = order.order_id;
        match self.store.place(order, self.limits).await {
            Ok(Placed::Created(payment)) => self.push(payment).await,
            Ok(Placed::Resumed(payment)) => same_purchase(&purchase, payment).map(Bought::Resumed),
            Ok(Placed::Refused(refusal)) => Err(CheckoutError::Refused(refusal)),
            // If the row exists, only this task can push it, and it has not pushed yet.
            Err(unknown @ StoreError::CommitUnknown(_)) => match self.store.load(order_id).await? {
                Some(payment) => self.push(payment).await,
                None => Err(unknown.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn resume(&self, purchase: &Purchase) -> Result<Option<Payment>, CheckoutError> {
        let Some(key) = &purchase.idempotency_key else {
            return Ok(None);
        };
        let made = self.store.load_by_key(key).await?;
        made.map(|payment| same_purchase(purchase, payment))
            .transpose()
    }

    async fn package(&self, purchase: &Purchase) -> Result<Package, CheckoutError> {
        let package = self.store.package_on_sale(&purchase.package).await?;
        let package = package.ok_or(CheckoutError::PackageNotFound)?;
        match purchase.expected_price {
            Some(expected) if expected != package.price => {
                Err(CheckoutError::PriceChanged(package.price))
            }
            Some(_) | None => Ok(package),
        }
    }

    fn new_order(&self, purchase: &Purchase, package: Package, share: Arc<Share>) -> NewOrder {
        NewOrder {
            order_id: OrderId(Builder::from_random_bytes(random()).into_uuid()),
            phone: purchase.phone.clone(),
            share,
            customer_name: purchase.customer_name.clone(),
            device: purchase.device.clone(),
            language: purchase.language,
            package,
            idempotency_key: purchase.idempotency_key.clone(),
            second_prompt: purchase.second_prompt,
            // 128 bits, in the 32 hexadecimal digits of an id without dashes.
            webhook_secret: Secret::new(Uuid::from_bytes(random()).simple().to_string()),
            owner_token: OwnerToken::from_random_bytes(random()),
            expire_after: self.expire_after,
        }
    }

    /// Pushes the payment request. Called once per order.
    async fn push(&self, payment: Payment) -> Result<Bought, CheckoutError> {
        let order_id = payment.order_id;
        let at = self.store.clock().now();
        let (answer, facts) = self.client.create(&self.request(&payment)).await;
        if facts.http_status.is_some() {
            self.store.clock().gateway_answered(facts.date);
        }
        let (word, detail) = match &answer {
            CreateAnswer::Accepted => ("accepted", None),
            CreateAnswer::Refused(reason) => ("refused", Some(reason.clone())),
            CreateAnswer::Unknown(reason) => ("unknown", Some(reason.clone())),
        };
        info!(order = %order_id.order_ref(), answer = word, duration_ms = facts.duration.as_millis() as u64, "push");
        let call = GatewayCall {
            id: 0,
            order_id: order_id.0,
            kind: "create".to_owned(),
            at,
            duration_ms: facts.duration.as_secs_f64() * 1_000.0,
            http_status: facts.http_status.map(i32::from),
            answer: word.to_owned(),
            detail,
        };
        if let Err(error) = self.store.record_call(call).await {
            warn!(order = %order_id.order_ref(), %error, "failed to record a call to ZenoPay");
        }
        match answer {
            CreateAnswer::Accepted => Ok(Bought::Pushed(payment)),
            CreateAnswer::Refused(reason) => {
                self.report(payment, Evidence::PushRefused(reason)).await;
                Err(CheckoutError::GatewayRefused(order_id))
            }
            CreateAnswer::Unknown(_) => {
                let payment = self.report(payment, Evidence::PushUnknown).await;
                Ok(Bought::Unclear(payment))
            }
        }
    }

    /// Sends evidence to the order's actor. If that fails the order stays PENDING, and is checked with
    /// ZenoPay later.
    async fn report(&self, payment: Payment, evidence: Evidence) -> Payment {
        let (order_id, command) = (payment.order_id, Command::of(evidence));
        match self.orders.handle(order_id, command).await {
            Ok(handled) => Payment::clone(&handled.payment),
            Err(error) => {
                warn!(order = %order_id.order_ref(), %error, "failed to record the result of a push");
                payment
            }
        }
    }

    fn request(&self, payment: &Payment) -> CreateRequest {
        let order_id = payment.order_id;
        let base = self.public_url.as_str().trim_end_matches('/');
        let secret = payment.webhook_secret.expose();
        let metadata = [("package".to_owned(), json!(payment.terms.code))];
        CreateRequest {
            order_id,
            // ZenoPay requires an address and does not check it. `.invalid` never has mail (RFC 2606).
            buyer_email: format!("{order_id}@customer.invalid"),
            buyer_name: payment
                .customer_name
                .as_ref()
                .map_or("Mteja", |name| name.expose())
                .to_owned(),
            buyer_phone: payment.phone.national(),
            amount: payment.amount,
            webhook_url: format!("{base}{WEBHOOK_PATH}/{order_id}.{secret}"),
            metadata: metadata.into_iter().collect(),
        }
    }
}

fn same_purchase(purchase: &Purchase, payment: Payment) -> Result<Payment, CheckoutError> {
    let same_package = match &purchase.package {
        PackageRef::Id(id) => *id == payment.package_id,
        PackageRef::Code(code) => *code == payment.terms.code,
    };
    if same_package && purchase.phone == payment.phone {
        Ok(payment)
    } else {
        Err(CheckoutError::KeyReused)
    }
}

fn random() -> [u8; 16] {
    UnwrapErr(SysRng).random()
}
