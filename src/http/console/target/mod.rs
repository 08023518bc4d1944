//! What is acted on by hand in the console: found by its path, and told before anything is done.

use chrono_tz::Tz;

use super::sight;
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Payment;
use crate::domain::outbox_hold::{OutboxHold, Queued, Waiting};
use crate::domain::people::language::Language;
use crate::domain::people::operator::Operator;
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::operators::order_name::order_named;
use crate::http::problem::{Code, Problem};
use crate::store::{JournalRow, KnownOperator, KnownVoucher, ListedPackage};
use crate::web::console::{Act, Section, Subject, money, until};

mod doing;

/// What is acted on, and what there is to know of it.
pub(super) enum Target {
    /// With one of an order's own acts.
    Order(Box<Payment>, Act),
    /// A delivery is decided again.
    Delivery(Box<JournalRow>),
    /// A text is sent once more.
    Sms(i64, OrderId),
    /// A line of the price list is changed.
    Package(Box<ListedPackage>, Act),
    /// Somebody's token is ended.
    Person(KnownOperator),
    /// A voucher on paper is taken back.
    Printed(Box<KnownVoucher>),
    /// What restored books hold back is let go.
    Held(OutboxHold, Queued),
}

impl Target {
    /// Finds it by its path; what is not there, or has no such act, is no page.
    pub async fn find(
        api: &Api,
        operator: &Operator,
        path: &(String, String, String),
    ) -> Result<Self, Problem> {
        let (kind, id, act) = path;
        let not_found = || Problem::new(Code::NotFound);
        let act = Act::read(act).ok_or_else(not_found)?;
        match (kind.as_str(), act) {
            (
                "orders",
                Act::Reconcile
                | Act::Release
                | Act::Refuse
                | Act::Refund
                | Act::Revoke
                | Act::Reissue,
            ) => {
                let order_id = order_named(api, operator, id).await?;
                let found = api.store.load(order_id).await?.ok_or_else(not_found)?;
                Ok(Self::Order(Box::new(found), act))
            }
            ("deliveries", Act::Replay) => {
                let id: i64 = id.parse().map_err(|_| not_found())?;
                let found = api.store.journalled(id).await?.ok_or_else(not_found)?;
                Ok(Self::Delivery(Box::new(found)))
            }
            ("sms", Act::Resend) => {
                let id: i64 = id.parse().map_err(|_| not_found())?;
                let order_id = api.store.order_of_sms(id).await?.ok_or_else(not_found)?;
                Ok(Self::Sms(id, order_id))
            }
            ("packages", Act::ChangePrice | Act::Retire | Act::Offer) => {
                let list = api.store.price_list().await?.into_iter();
                let mut found = list.filter(|line| line.package.terms.code == *id);
                let line = found.next().ok_or_else(not_found)?;
                Ok(Self::Package(Box::new(line), act))
            }
            ("people", Act::EndToken) => {
                let known = api.store.operators().await?.into_iter();
                let mut able = known.filter(|known| known.disabled_at.is_none());
                let found = able.find(|known| known.operator.name == *id);
                let nobody = || {
                    not_found().detail("There is nobody of that name whose token could be ended.")
                };
                Ok(Self::Person(found.ok_or_else(nobody)?))
            }
            ("printed", Act::Revoke) => {
                let id: i64 = id.parse().map_err(|_| not_found())?;
                let found = api.store.known_voucher(id).await?;
                let printed = found.filter(|voucher| voucher.order_id.is_none());
                Ok(Self::Printed(Box::new(printed.ok_or_else(not_found)?)))
            }
            ("outbox", Act::SendHeld) if id == "held" => held(api, Queued::Send).await,
            ("outbox", Act::DropHeld) if id == "held" => held(api, Queued::Drop).await,
            _ => Err(not_found()),
        }
    }

    /// What is done to it.
    pub fn act(&self) -> Act {
        match self {
            Self::Order(_, act) | Self::Package(_, act) => *act,
            Self::Delivery(_) => Act::Replay,
            Self::Sms(..) => Act::Resend,
            Self::Person(_) => Act::EndToken,
            Self::Printed(_) => Act::Revoke,
            Self::Held(_, Queued::Send) => Act::SendHeld,
            Self::Held(_, Queued::Drop) => Act::DropHeld,
        }
    }

    /// The part of the console where it is at home.
    pub fn section(&self) -> Section {
        match self {
            Self::Order(..) | Self::Sms(..) => Section::Orders,
            Self::Delivery(_) => Section::Deliveries,
            Self::Package(..) => Section::Packages,
            Self::Person(_) => Section::People,
            Self::Printed(_) => Section::Vouchers,
            Self::Held(..) => Section::Letters,
        }
    }

    /// Where one sees what became of it.
    pub fn home(&self) -> String {
        match self {
            Self::Order(payment, _) => format!("/operator/orders/{}", payment.order_id),
            Self::Sms(_, order_id) => format!("/operator/orders/{order_id}"),
            Self::Delivery(row) => match order_of(row) {
                Some(order_id) => format!("/operator/orders/{order_id}"),
                None => format!("/operator/deliveries/{}", row.id),
            },
            Self::Package(..) | Self::Person(_) | Self::Held(..) => {
                self.section().href().to_owned()
            }
            Self::Printed(voucher) => format!("/operator/printed/{}", voucher.id),
        }
    }

    /// What is said of it before anything is done.
    pub fn subject(&self, visitor: &Visitor, zone: Tz) -> Subject {
        let (title, facts) = match self {
            Self::Order(payment, _) => (
                format!("Order {}", payment.order_id),
                of_order(payment, visitor),
            ),
            Self::Sms(id, order_id) => (format!("SMS {id}"), vec![("Order", order_id.to_string())]),
            Self::Delivery(row) => (format!("Delivery {}", row.id), of_delivery(row)),
            Self::Package(line, _) => {
                let terms = &line.package.terms;
                let mut facts = vec![
                    ("Package", terms.name(Language::English).to_owned()),
                    ("Price now", money(line.package.price.0)),
                ];
                facts.extend(line.retired_at.map(|at| ("Retired", until(at, zone))));
                (format!("Package {}", terms.code), facts)
            }
            Self::Person(known) => (
                format!("Operator {}", known.operator.name),
                of_person(known, visitor, zone),
            ),
            Self::Printed(voucher) => {
                let code = sight(visitor).code(voucher.code.as_str());
                let first = voucher.usage.first_login_at;
                let first = first.map_or("not yet".to_owned(), |at| until(at, zone));
                let facts = vec![("Code", code), ("First login", first)];
                (format!("Printed voucher {}", voucher.id), facts)
            }
            Self::Held(hold, _) => ("Held back".to_owned(), of_hold(hold, zone)),
        };
        Subject {
            title,
            facts,
            action: self.path(),
            back: self.home(),
        }
    }

    /// The act's own path.
    fn path(&self) -> String {
        let word = self.act().word();
        match self {
            Self::Order(..) | Self::Printed(_) => format!("{}/{word}", self.home()),
            Self::Sms(id, _) => format!("/operator/sms/{id}/{word}"),
            Self::Delivery(row) => format!("/operator/deliveries/{}/{word}", row.id),
            Self::Package(line, _) => {
                format!("/operator/packages/{}/{word}", line.package.terms.code)
            }
            Self::Person(known) => {
                let name = known.operator.name.as_bytes();
                let name: String = url::form_urlencoded::byte_serialize(name).collect();
                format!("/operator/people/{name}/{word}")
            }
            Self::Held(..) => format!("/operator/outbox/held/{word}"),
        }
    }
}

fn of_order(payment: &Payment, visitor: &Visitor) -> Vec<(&'static str, String)> {
    let sight = sight(visitor);
    let mut facts = vec![
        ("Package", payment.terms.name(Language::English).to_owned()),
        ("Price", money(payment.amount.0)),
        ("Phone", sight.phone(payment.phone.international())),
        ("Status", payment.status.as_str().to_owned()),
    ];
    facts.extend((payment.gateway.paid_amount).map(|paid| ("Paid", money(paid.0))));
    let voucher = payment.voucher.as_ref();
    facts.extend(voucher.map(|it| ("Voucher", sight.code(it.code.as_str()))));
    facts
}

fn of_delivery(row: &JournalRow) -> Vec<(&'static str, String)> {
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    vec![
        ("Order", said(&row.order_id)),
        ("Says", said(&row.word)),
        ("Proof", said(&row.proof)),
        ("Meant then", row.outcome.clone()),
    ]
}

fn of_person(known: &KnownOperator, visitor: &Visitor, zone: Tz) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Role", known.operator.role.as_str().to_owned()),
        ("Since", until(known.since, zone)),
    ];
    if known.operator.name == visitor.operator.name {
        facts.push(("This is you", "you will be logged out".to_owned()));
    }
    facts
}

async fn held(api: &Api, queued: Queued) -> Result<Target, Problem> {
    let hold = api.store.outbox_hold().await?;
    let nothing = || Problem::new(Code::NotFound).detail("Nothing is held back.");
    Ok(Target::Held(hold.ok_or_else(nothing)?, queued))
}

fn of_hold(hold: &OutboxHold, zone: Tz) -> Vec<(&'static str, String)> {
    let told = |waiting: Waiting| {
        format!(
            "{}, of which {} came with the backup",
            waiting.all, waiting.old
        )
    };
    vec![
        ("Backup restored", until(hold.since, zone)),
        ("SMS", told(hold.sms)),
        ("Disconnect-Requests", told(hold.disconnects)),
    ]
}

fn order_of(row: &JournalRow) -> Option<OrderId> {
    row.order_id.as_deref()?.parse().ok()
}
