//! Seats of parked polls: how many there are, and for whom.
//!
//! All guests of a hotspot have one address, so seats are not counted by address. A device names itself, by a
//! cookie or a MAC address, so a stranger has as many of those as he likes. The phone of an order is what
//! costs him something: each order has prompted it. So seats are counted by phone, and half of them are
//! kept for orders that are being paid now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::order::{Payment, Waiting};
use crate::domain::people::Phone;

/// Polls of all orders of one phone: several browsers, and an order or two before this one.
const SEATS_PER_PHONE: usize = 16;

/// The seats of the process. Cheap to clone.
#[derive(Clone)]
pub(super) struct Seats {
    all: Arc<Semaphore>,
    /// Of these, the seats for orders that are not being paid now.
    others: Arc<Semaphore>,
    phones: Arc<Phones>,
    pub max: usize,
}

/// One seat; given back when it is dropped.
pub(super) struct Seat {
    seats: Seats,
    phone: Option<OfPhone>,
    other: Option<OwnedSemaphorePermit>,
    // Given back last: it is the one that is counted.
    _place: OwnedSemaphorePermit,
}

/// Why a poll is not held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotHeld {
    /// No seat is free for it.
    NoSeat,
    /// The order ended long ago.
    Over,
}

impl Seats {
    pub fn new(max: usize) -> Self {
        let max = max.min(Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(max)),
            others: Arc::new(Semaphore::new(max.div_ceil(2))),
            phones: Arc::default(),
            max,
        }
    }

    /// A seat for the moment in which the order is read; `None` if all are taken.
    pub fn take(&self) -> Option<Seat> {
        Some(Seat {
            seats: self.clone(),
            phone: None,
            other: None,
            _place: self.all.clone().try_acquire_owned().ok()?,
        })
    }

    pub fn taken(&self) -> usize {
        self.max - self.all.available_permits()
    }
}

impl Seat {
    /// Keeps the seat for a poll of this order.
    ///
    /// # Errors
    /// Why the poll must be answered at once.
    pub fn keep(&mut self, order: &Payment, now: DateTime<Utc>) -> Result<(), NotHeld> {
        match Waiting::of(order, now) {
            Waiting::Over => return Err(NotHeld::Over),
            Waiting::Other => {
                let others = self.seats.others.clone().try_acquire_owned();
                self.other = Some(others.map_err(|_| NotHeld::NoSeat)?);
            }
            Waiting::Paying => {}
        }
        self.phone = Some(OfPhone::take(&self.seats.phones, &order.phone)?);
        Ok(())
    }
}

/// Seats by phone; a phone without one is not there.
#[derive(Default)]
struct Phones(Mutex<HashMap<Phone, usize>>);

impl Phones {
    fn lock(&self) -> MutexGuard<'_, HashMap<Phone, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat of one phone.
struct OfPhone {
    phones: Arc<Phones>,
    phone: Phone,
}

impl OfPhone {
    fn take(phones: &Arc<Phones>, phone: &Phone) -> Result<Self, NotHeld> {
        let mut taken = phones.lock();
        let count = taken.entry(phone.clone()).or_default();
        if *count == SEATS_PER_PHONE {
            return Err(NotHeld::NoSeat);
        }
        *count += 1;
        Ok(Self {
            phones: phones.clone(),
            phone: phone.clone(),
        })
    }
}

impl Drop for OfPhone {
    fn drop(&mut self) {
        let mut taken = self.phones.lock();
        if let Some(count) = taken.get_mut(&self.phone) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.phone);
            }
        }
    }
}
