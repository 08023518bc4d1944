//! What a delivery offers as its proof, and the places of those that are not proven yet.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::domain::order::OrderId;
use crate::gateways::zenopay::proof::{PathToken, Proof};

/// Hints in the process: as many as share eight asks, `hints.rs`.
const HINTS_MAX: usize = 256;
/// Deliveries to an order's own URL whose secret is looked up. A read takes milliseconds, so
/// so many wait only for a database that does not answer.
const LOOKUPS_MAX: usize = 1_024;

/// What a delivery offers as its proof.
pub(in crate::actors) enum Claim {
    /// Nothing, about this order.
    Hint(OrderId),
    /// The secret of an order's own URL, which is to be compared.
    Token {
        by_key: Option<Proof>,
        token: PathToken,
    },
    /// It is proven.
    Proven(Proof),
}

/// Places of deliveries that are not proven yet. A proven one takes the place that its message has
/// in the process (`actors.in_flight_max`).
pub(in crate::actors) struct Unproven {
    pub lookups: Arc<Semaphore>,
    pub hints: Arc<Semaphore>,
}

impl Default for Unproven {
    fn default() -> Self {
        Self {
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            hints: Arc::new(Semaphore::new(HINTS_MAX)),
        }
    }
}
