//! Where a person is named outside their own orders: deliveries about no order of ours or about
//! another one, the audit log, log-ins at a router, notes on printed vouchers.
//!
//! The tables are read a slice at a time and before the transaction, so that a sale waits for no
//! search; what comes in between is found by asking for the erasure again.

use entities::{
    audit_events, gateway_calls, order_events, payments, radpostauth, voucher_batches,
    webhook_deliveries,
};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, FromQueryResult,
    IntoActiveModel, PrimaryKeyToColumn, QueryFilter, QueryOrder, QuerySelect,
};

use uuid::Uuid;

use crate::store::{Store, StoreError};

use crate::domain::order::ids::OrderId;
use crate::domain::people::person::Person;
use crate::domain::people::phone::Phone;

/// Rows that are read at once.
const SLICE: u64 = 500;
/// What stands in the place of a text.
pub(super) const ERASED: &str = "erased";

/// Rows that name the person.
#[derive(Default)]
pub(super) struct Mentions {
    deliveries: Vec<webhook_deliveries::Model>,
    audit: Vec<audit_events::Model>,
    events: Vec<order_events::Model>,
    batches: Vec<voucher_batches::Model>,
    logins: Vec<i64>,
    calls: Vec<gateway_calls::Model>,
    payments: Vec<GatewayTexts>,
}

/// What a gateway said of a payment.
#[derive(FromQueryResult)]
struct GatewayTexts {
    id: i64,
    payer_msisdn: Option<String>,
    reference: Option<String>,
    transid: Option<String>,
    channel: Option<String>,
}

impl Store {
    /// The names that this phone's orders were made with.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn person(&self, phone: &Phone) -> Result<Person, StoreError> {
        let (store, phone) = (self.clone(), phone.clone());
        self.read(async move {
            let names: Vec<Option<String>> = payments::Entity::find()
                .select_only()
                .column(payments::Column::CustomerName)
                .distinct()
                .filter(payments::Column::Phone.eq(phone.international()))
                .filter(payments::Column::CustomerName.is_not_null())
                .into_tuple()
                .all(&store.inner.reader)
                .await?;
            Ok(Person::new(
                &phone,
                names.iter().flatten().map(String::as_str),
            ))
        })
        .await
    }

    /// The orders of a phone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn orders_of_phone(&self, phone: &Phone) -> Result<Vec<OrderId>, StoreError> {
        let (store, phone) = (self.clone(), phone.clone());
        self.read(async move {
            let ids: Vec<Uuid> = payments::Entity::find()
                .select_only()
                .column(payments::Column::OrderId)
                .filter(payments::Column::Phone.eq(phone.international()))
                .into_tuple()
                .all(&store.inner.reader)
                .await?;
            Ok(ids.into_iter().map(OrderId).collect())
        })
        .await
    }

    pub(super) async fn mentions(&self, person: &Person) -> Result<Mentions, StoreError> {
        let is_in = |text: &Option<String>| text.as_deref().is_some_and(|it| person.is_in(it));
        Ok(Mentions {
            deliveries: self
                .sieve::<webhook_deliveries::Entity>(
                    |row| row.id,
                    |row| {
                        person.is_in_bytes(&row.body)
                            || is_in(&row.order_id)
                            || is_in(&row.word)
                            || is_in(&row.reference)
                            || is_in(&row.content_type)
                    },
                )
                .await?,
            audit: self
                .sieve::<audit_events::Entity>(
                    |row| row.id,
                    |row| person.is_in(&row.subject) || is_in(&row.detail),
                )
                .await?,
            events: self
                .sieve::<order_events::Entity>(
                    |row| row.id,
                    |row| person.is_in(&row.summary) || is_in(&row.reference),
                )
                .await?,
            batches: self
                .sieve::<voucher_batches::Entity>(|row| row.id, |row| is_in(&row.note))
                .await?,
            logins: self
                .sieve::<radpostauth::Entity>(
                    |row| row.id,
                    |row| person.is_in(&row.username) || is_in(&row.pass) || is_in(&row.reply),
                )
                .await?
                .iter()
                .map(|row| row.id)
                .collect(),
            calls: self
                .sieve::<gateway_calls::Entity>(
                    |row| row.id,
                    |row| person.is_in(&row.answer) || is_in(&row.detail),
                )
                .await?,
            payments: self.gateway_texts(person).await?,
        })
    }

    /// The rows of a table that `keep` keeps, read a slice at a time in the order of their numbers.
    async fn sieve<E>(
        &self,
        number: impl Fn(&E::Model) -> i64,
        keep: impl Fn(&E::Model) -> bool,
    ) -> Result<Vec<E::Model>, StoreError>
    where
        E: EntityTrait,
        E::Model: Send + Sync,
    {
        let by_number = || {
            let first = <E::PrimaryKey as sea_orm::Iterable>::iter().next();
            first.expect("each table has a primary key").into_column()
        };
        let (mut kept, mut after) = (Vec::new(), i64::MIN);
        loop {
            let store = self.clone();
            let slice = E::find()
                .filter(by_number().gt(after))
                .order_by_asc(by_number())
                .limit(SLICE);
            let rows = self
                .read(async move { Ok(slice.all(&store.inner.reader).await?) })
                .await?;
            let Some(last) = rows.last().map(&number) else {
                return Ok(kept);
            };
            after = last;
            kept.extend(rows.into_iter().filter(&keep));
        }
    }

    /// Payments, also of other phones, of which a gateway said something about this person.
    async fn gateway_texts(&self, person: &Person) -> Result<Vec<GatewayTexts>, StoreError> {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let store = self.clone();
            let rows = self
                .read(async move {
                    Ok(payments::Entity::find()
                        .select_only()
                        .columns([
                            payments::Column::Id,
                            payments::Column::PayerMsisdn,
                            payments::Column::Reference,
                            payments::Column::Transid,
                            payments::Column::Channel,
                        ])
                        .filter(payments::Column::Id.gt(after))
                        .order_by_asc(payments::Column::Id)
                        .limit(SLICE)
                        .into_model::<GatewayTexts>()
                        .all(&store.inner.reader)
                        .await?)
                })
                .await?;
            let Some(last) = rows.last().map(|row| row.id) else {
                return Ok(found);
            };
            after = last;
            found.extend(rows.into_iter().filter(|row| {
                let texts = [
                    &row.payer_msisdn,
                    &row.reference,
                    &row.transid,
                    &row.channel,
                ];
                let mut texts = texts.into_iter().flatten();
                texts.any(|text| person.is_in(text))
            }));
        }
    }
}

/// Takes the person out of these rows.
pub(super) async fn forget(
    txn: &DatabaseTransaction,
    person: &Person,
    mentions: Mentions,
) -> Result<(), StoreError> {
    let cleaned = |text: Option<String>| match text {
        Some(text) if person.is_in(&text) => Some(ERASED.to_owned()),
        other => other,
    };
    for row in mentions.deliveries {
        let mut row = row.into_active_model();
        row.body = Set(Vec::new());
        row.order_id = Set(cleaned(row.order_id.take().flatten()));
        row.word = Set(cleaned(row.word.take().flatten()));
        row.reference = Set(cleaned(row.reference.take().flatten()));
        row.content_type = Set(cleaned(row.content_type.take().flatten()));
        row.update(txn).await?;
    }
    for row in mentions.audit {
        let mut row = row.into_active_model();
        row.subject = Set(cleaned(row.subject.take()).unwrap_or_default());
        row.detail = Set(cleaned(row.detail.take().flatten()));
        row.update(txn).await?;
    }
    for row in mentions.events {
        let mut row = row.into_active_model();
        row.summary = Set(cleaned(row.summary.take()).unwrap_or_default());
        row.reference = Set(cleaned(row.reference.take().flatten()));
        row.update(txn).await?;
    }
    for row in mentions.batches {
        let mut row = row.into_active_model();
        row.note = Set(cleaned(row.note.take().flatten()));
        row.update(txn).await?;
    }
    radpostauth::Entity::delete_many()
        .filter(radpostauth::Column::Id.is_in(mentions.logins))
        .exec(txn)
        .await?;
    for row in mentions.calls {
        let mut row = row.into_active_model();
        row.answer = Set(cleaned(row.answer.take()).unwrap_or_default());
        row.detail = Set(cleaned(row.detail.take().flatten()));
        row.update(txn).await?;
    }
    for row in mentions.payments {
        let columns = [
            (payments::Column::PayerMsisdn, row.payer_msisdn),
            (payments::Column::Reference, row.reference),
            (payments::Column::Transid, row.transid),
            (payments::Column::Channel, row.channel),
        ];
        let mut update = payments::Entity::update_many().filter(payments::Column::Id.eq(row.id));
        for (column, text) in columns {
            if text.as_deref().is_some_and(|it| person.is_in(it)) {
                update = update.col_expr(column, Expr::value(Option::<String>::None));
            }
        }
        update.exec(txn).await?;
    }
    Ok(())
}
