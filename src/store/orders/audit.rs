//! What the books hold of given orders, for whoever checks that each was sold exactly once.
//! Only reads: six queries for a batch of orders, however many there are in it.

use std::collections::{HashMap, HashSet};

use entities::{invoices, payments, radcheck, sms_messages, vouchers, webhook_deliveries};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::ids::OrderId;
use crate::store::{Store, StoreError};

/// Orders a batch: well below the variables that a statement may have, and quick to read.
const BATCH: usize = 500;
/// The row that makes a name a RADIUS user.
const PASSWORD: &str = "Cleartext-Password";

/// What one order has led to. `Debug` is not derived: bodies belong in no log.
#[derive(Clone, Default)]
pub struct Booked {
    /// Numbers of its invoices.
    pub invoices: Vec<String>,
    /// Codes of its vouchers.
    pub vouchers: Vec<VoucherCode>,
    /// Rows that let somebody in by one of these codes.
    pub radius_users: usize,
    /// Texts to the guest.
    pub sms: usize,
    /// Those among them that name one of these codes.
    pub sms_with_code: usize,
    /// Its part of the journal.
    pub journal: Vec<JournalLine>,
}

/// One journalled delivery.
#[derive(Clone)]
pub struct JournalLine {
    /// What it meant, as in `completed`.
    pub outcome: String,
    /// As sent.
    pub body: Vec<u8>,
}

impl Store {
    /// What the books hold of these orders. An order that is not in them is not in the
    /// answer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn audit(&self, orders: &[OrderId]) -> Result<HashMap<OrderId, Booked>, StoreError> {
        let mut all = HashMap::with_capacity(orders.len());
        for batch in orders.chunks(BATCH) {
            let (store, batch) = (self.clone(), batch.to_vec());
            let booked = self
                .read(async move { Audit::of(&store, &batch).await })
                .await?;
            all.extend(booked);
        }
        Ok(all)
    }
}

/// The books of one batch while they are put together.
struct Audit<'a> {
    store: &'a Store,
    /// Numbers of the orders' payment rows.
    rows: HashMap<OrderId, i64>,
    /// By these numbers.
    booked: HashMap<i64, Booked>,
}

impl<'a> Audit<'a> {
    async fn of(
        store: &'a Store,
        orders: &[OrderId],
    ) -> Result<HashMap<OrderId, Booked>, StoreError> {
        let rows: Vec<(Uuid, i64)> = payments::Entity::find()
            .select_only()
            .columns([payments::Column::OrderId, payments::Column::Id])
            .filter(payments::Column::OrderId.is_in(orders.iter().map(|order| order.0)))
            .into_tuple()
            .all(&store.inner.reader)
            .await?;
        let mut audit = Self {
            store,
            booked: rows
                .iter()
                .map(|(_, id)| (*id, Booked::default()))
                .collect(),
            rows: rows
                .into_iter()
                .map(|(order_id, id)| (OrderId(order_id), id))
                .collect(),
        };

        audit.read_invoices().await?;
        audit.read_vouchers().await?;
        audit.read_radius_users().await?;
        audit.read_sms().await?;
        audit.read_journal().await?;
        Ok(audit.by_order())
    }

    fn by_order(mut self) -> HashMap<OrderId, Booked> {
        self.rows
            .into_iter()
            .filter_map(|(order_id, id)| Some((order_id, self.booked.remove(&id)?)))
            .collect()
    }

    fn ids(&self) -> Vec<i64> {
        self.rows.values().copied().collect()
    }

    async fn read_invoices(&mut self) -> Result<(), StoreError> {
        let rows: Vec<(i64, String)> = invoices::Entity::find()
            .select_only()
            .columns([invoices::Column::PaymentId, invoices::Column::Number])
            .filter(invoices::Column::PaymentId.is_in(self.ids()))
            .into_tuple()
            .all(&self.store.inner.reader)
            .await?;
        for (id, number) in rows {
            if let Some(booked) = self.booked.get_mut(&id) {
                booked.invoices.push(number);
            }
        }
        Ok(())
    }

    async fn read_vouchers(&mut self) -> Result<(), StoreError> {
        let rows: Vec<(i64, String)> = vouchers::Entity::find()
            .select_only()
            .columns([vouchers::Column::PaymentId, vouchers::Column::Code])
            .filter(vouchers::Column::PaymentId.is_in(self.ids()))
            .into_tuple()
            .all(&self.store.inner.reader)
            .await?;
        for (id, code) in rows {
            if let Some(booked) = self.booked.get_mut(&id) {
                booked.vouchers.push(VoucherCode::from_stored(code));
            }
        }
        Ok(())
    }

    async fn read_radius_users(&mut self) -> Result<(), StoreError> {
        let codes: HashSet<&str> = self
            .booked
            .values()
            .flat_map(|booked| booked.vouchers.iter().map(VoucherCode::as_str))
            .collect();
        let names: Vec<String> = radcheck::Entity::find()
            .select_only()
            .column(radcheck::Column::Username)
            .filter(radcheck::Column::Attribute.eq(PASSWORD))
            .filter(radcheck::Column::Username.is_in(codes))
            .into_tuple()
            .all(&self.store.inner.reader)
            .await?;
        let mut users: HashMap<String, usize> = HashMap::new();
        for name in names {
            *users.entry(name).or_default() += 1;
        }
        for booked in self.booked.values_mut() {
            let of = |code: &VoucherCode| users.get(code.as_str()).copied().unwrap_or(0);
            booked.radius_users = booked.vouchers.iter().map(of).sum();
        }
        Ok(())
    }

    async fn read_sms(&mut self) -> Result<(), StoreError> {
        let rows: Vec<(i64, String)> = sms_messages::Entity::find()
            .select_only()
            .columns([sms_messages::Column::PaymentId, sms_messages::Column::Body])
            .filter(sms_messages::Column::PaymentId.is_in(self.ids()))
            .into_tuple()
            .all(&self.store.inner.reader)
            .await?;
        for (id, text) in rows {
            if let Some(booked) = self.booked.get_mut(&id) {
                let names_code = |code: &VoucherCode| text.contains(code.as_str());
                booked.sms += 1;
                booked.sms_with_code += usize::from(booked.vouchers.iter().any(names_code));
            }
        }
        Ok(())
    }

    async fn read_journal(&mut self) -> Result<(), StoreError> {
        let names = self.rows.keys().map(ToString::to_string);
        let rows: Vec<(String, String, Vec<u8>)> = webhook_deliveries::Entity::find()
            .select_only()
            .columns([
                webhook_deliveries::Column::OrderId,
                webhook_deliveries::Column::Outcome,
                webhook_deliveries::Column::Body,
            ])
            .filter(webhook_deliveries::Column::OrderId.is_in(names))
            .into_tuple()
            .all(&self.store.inner.reader)
            .await?;
        for (order_id, outcome, body) in rows {
            let id = order_id.parse().ok().and_then(|it| self.rows.get(&it));
            if let Some(booked) = id.and_then(|id| self.booked.get_mut(id)) {
                booked.journal.push(JournalLine { outcome, body });
            }
        }
        Ok(())
    }
}
