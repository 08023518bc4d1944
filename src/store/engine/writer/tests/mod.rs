//! Batches on both databases, of changes as actors make them.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use futures_util::future::join_all;
use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbErr, Statement,
    TransactionTrait,
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::Span;
use uuid::Uuid;

use super::{Job, QUEUE_MAX, lane};
use crate::domain::access::{Attribute, OwnerToken, RadiusUser, VoucherCode};
use crate::domain::catalog::{Limits, SecondPrompt};
use crate::domain::order::{Decision, Effect, Facts, OrderId, Outcome, Payment, Sale, Status};
use crate::domain::people::{Language, Personal, Phone, Secret};
use crate::store::engine::tests::migrated;
use crate::store::{Change, DeliveryRecord, NewOrder, Placed, Store, StoreError};

/// Declares a test for both databases, of an `async fn name(scene: Scene)`.
macro_rules! on_both_databases {
    ($($name:ident,)*) => {$(
        mod $name {
            #[tokio::test]
            async fn on_sqlite() {
                super::$name(crate::store::engine::writer::tests::Scene::sqlite().await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                super::$name(crate::store::engine::writer::tests::Scene::postgres().await).await;
            }
        }
    )*};
}

mod commits;
mod guards;
mod locks;
mod shared_work;
mod sharing;
mod texts;

type Answer = Result<(), StoreError>;

/// A store, and a second connection to its database.
struct Scene {
    store: Store,
    beside: DatabaseConnection,
    folder: Option<TempDir>,
}

impl Scene {
    async fn sqlite() -> Self {
        let (store, folder) = migrated::sqlite().await;
        let url = format!("sqlite://{}/malipo.db", folder.path().display());
        Self {
            store,
            beside: Database::connect(url).await.unwrap(),
            folder: Some(folder),
        }
    }

    async fn postgres() -> Self {
        let url = migrated::on_postgres().await;
        Self {
            store: migrated::open(url.clone()).await,
            beside: Database::connect(url).await.unwrap(),
            folder: None,
        }
    }

    /// Orders, each of a phone of its own.
    async fn orders(&self, count: usize) -> Vec<Payment> {
        let mut orders = Vec::new();
        for number in 0..count {
            orders.push(self.order(&format!("07{number:08}"), None).await);
        }
        orders
    }

    async fn order(&self, phone: &str, name: Option<&str>) -> Payment {
        let package = self.store.packages_on_sale().await.unwrap().swap_remove(0);
        let order = NewOrder {
            order_id: OrderId(Uuid::new_v4()),
            phone: Phone::read(phone).unwrap(),
            share: Arc::default(),
            customer_name: name.map(|name| Personal::new(name.to_owned())),
            device: None,
            language: Language::Swahili,
            package,
            idempotency_key: None,
            second_prompt: SecondPrompt::Allowed,
            webhook_secret: Secret::new("secret"),
            owner_token: OwnerToken::from_random_bytes(*Uuid::new_v4().as_bytes()),
            expire_after: TimeDelta::minutes(10),
        };
        let limits = Limits {
            prompts_per_phone: 1_000,
            unpaid_per_phone_day: 1_000,
            prompts_per_sec: 100_000,
            resume: TimeDelta::zero(),
        };
        match self.store.place(order, limits).await.unwrap() {
            Placed::Created(payment) => payment,
            other => panic!("{other:?}"),
        }
    }

    /// Writes changes as one batch of a lane. Returns their answers, some of which may come later.
    async fn begin_writing(&self, changes: Vec<Change>) -> Vec<oneshot::Receiver<Answer>> {
        let now = self.store.clock().now();
        let jobs = changes.into_iter().map(|change| {
            let (answer, answered) = oneshot::channel();
            let job = Job {
                write: change.into_write(now).unwrap(),
                span: Span::current(),
                answer,
            };
            (job, answered)
        });
        let (batch, answers): (Vec<_>, Vec<_>) = jobs.unzip();
        let context = self.store.inner.write_path.context.clone();
        let runtime = context.runtime.clone();
        let lane = runtime.spawn(async move { lane::write(&context, batch).await });
        lane.await.unwrap();
        answers
    }

    /// Writes changes as one batch of a lane.
    async fn write(&self, changes: Vec<Change>) -> Vec<Answer> {
        let answers = self.begin_writing(changes).await.into_iter().map(answer_of);
        join_all(answers).await
    }

    /// Returns when this number of changes waits for a lane.
    async fn until_queued(&self, count: usize) {
        let queue = &self.store.inner.write_path.jobs;
        let queued = async {
            while QUEUE_MAX - queue.capacity() != count {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(30), queued).await.unwrap();
    }

    async fn execute(&self, sql: &str) {
        self.beside.execute_unprepared(sql).await.unwrap();
    }

    async fn count(&self, sql: &str) -> i64 {
        let asked = Statement::from_string(self.beside.get_database_backend(), sql);
        let row = self.beside.query_one_raw(asked).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// A transaction of the second connection that locks the rows of a query.
    async fn hold(&self, query: &str) -> DatabaseTransaction {
        let held = self.beside.begin().await.unwrap();
        held.execute_unprepared(&format!("{query} FOR UPDATE"))
            .await
            .unwrap();
        held
    }

    /// Whether all rows of a sale exist, once. Panics if only some do.
    async fn is_sold(&self, payment: &Payment) -> bool {
        let id = payment.id;
        let mut counts = Vec::new();
        for rows in [
            format!("payments WHERE id = {id} AND status = 'COMPLETED' AND version = 2"),
            format!("invoices WHERE payment_id = {id}"),
            format!("vouchers WHERE payment_id = {id}"),
            format!("radcheck WHERE username = '{}'", code_of(payment)),
            format!("radreply WHERE username = '{}'", code_of(payment)),
            format!("radusergroup WHERE username = '{}'", code_of(payment)),
            format!("sms_messages WHERE payment_id = {id}"),
            format!("webhook_deliveries WHERE order_id = '{}'", payment.order_id),
        ] {
            counts.push(self.count(&format!("SELECT COUNT(*) FROM {rows}")).await);
        }
        match counts.iter().sum() {
            0 => false,
            8 if counts.iter().all(|count| *count == 1) => true,
            _ => panic!("an incomplete sale: {counts:?}"),
        }
    }

    /// The number of transactions that have written deliveries, as each of these changes does.
    async fn transactions(&self) -> i64 {
        match &self.folder {
            // A row names the transaction that has written it.
            None => {
                let sql = "SELECT COUNT(DISTINCT xmin::text) FROM webhook_deliveries";
                self.count(sql).await
            }
            Some(folder) => {
                commits_in(&std::fs::read(folder.path().join("malipo.db-wal")).unwrap())
            }
        }
    }
}

/// Commits in SQLite's log: frames with the size of the database, see "WAL file format" in
/// <https://www.sqlite.org/fileformat2.html>.
fn commits_in(log: &[u8]) -> i64 {
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap());
    let frames = log[32..].chunks_exact(24 + usize::try_from(page).unwrap());
    let commits = frames.filter(|frame| frame[4..8] != [0; 4]);
    i64::try_from(commits.count()).unwrap()
}

/// The result as the caller gets it.
async fn answer_of(answer: oneshot::Receiver<Answer>) -> Answer {
    let lost = || StoreError::CommitUnknown(DbErr::Custom("no answer".to_owned()));
    answer.await.unwrap_or_else(|_| Err(lost()))
}

fn code_of(payment: &Payment) -> String {
    format!("C{:07}", payment.id)
}

/// A change that a delivery causes.
fn change(payment: &Payment, outcome: Outcome, effect: Effect) -> Change {
    Change {
        before: payment.clone(),
        decision: Decision {
            outcome,
            effect,
            remarks: Vec::new(),
        },
        radius_user: None,
        delivery: Some(DeliveryRecord {
            order_id: Some(payment.order_id.to_string()),
            proof: Some("key"),
            source: "webhook",
            word: Some("COMPLETED".to_owned()),
            reference: None,
            amount: None,
            received_at: Utc::now(),
            received: std::time::Instant::now(),
            content_type: None,
            body: "{}".into(),
            is_surplus: false,
        }),
        audit: None,
        check_at: None,
    }
}

fn sell(payment: &Payment) -> Change {
    sell_at(payment, payment.created_at)
}

fn sell_at(payment: &Payment, now: DateTime<Utc>) -> Change {
    let facts = Facts {
        now,
        fresh_code: VoucherCode::from_stored(code_of(payment)),
        shop_offset: FixedOffset::east_opt(0).unwrap(),
        brand: "Shop".to_owned(),
        link_base: "https://shop.example/l".to_owned(),
    };
    let sale = Sale::of(payment, None, &facts);
    let attribute = |name| Attribute {
        name,
        op: ":=",
        value: "1".to_owned(),
    };
    Change {
        radius_user: Some(RadiusUser {
            username: code_of(payment),
            checks: vec![attribute("Cleartext-Password")],
            replies: vec![attribute("Session-Timeout")],
            group: "daily".to_owned(),
        }),
        ..change(payment, Outcome::Completed, Effect::Sell(Box::new(sale)))
    }
}

fn fail(payment: &Payment) -> Change {
    let next = payment.next(Status::Failed);
    change(payment, Outcome::Failed, Effect::Fail(Box::new(next)))
}

fn keep(payment: &Payment) -> Change {
    change(payment, Outcome::Pending, Effect::Keep)
}

fn ask(payment: &Payment) -> Change {
    let at = payment.created_at + TimeDelta::seconds(1);
    change(payment, Outcome::Unconfirmed, Effect::CheckAt(at))
}

/// ZenoPay has reported the operator's number.
fn confirm(payment: &Payment) -> Change {
    let mut kept = payment.clone();
    kept.gateway.transid = Some("T1".to_owned());
    change(payment, Outcome::Duplicate, Effect::Confirm(Box::new(kept)))
}

fn is_ok(answers: &[Answer]) -> bool {
    answers.iter().all(Result::is_ok)
}
