//! What is acted on by hand in the console: found by its path, and told before anything is done.

use super::Act;
use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Payment;
use crate::domain::outbox_hold::{Queued, Waiting};
use crate::domain::people::language::Language;
use crate::http::auth::Caller;
use crate::http::console::format::{money, until};
use crate::http::console::packages::price;
use crate::http::console::{Facts, Section};
use crate::http::operators::doing::{self, OrderAct, order_subject};
use crate::http::operators::journal::{journalled, order_of};
use crate::http::operators::order_name::order_named;
use crate::http::operators::wish::{ActBody, REASON_MAX};
use crate::http::pages::Form;
use crate::http::problem::{Code, Problem};
use crate::store::{AuditEntry, JournalRow, Listing};

/// What is acted on, and what a page says of it.
pub struct Target {
    pub act: Act,
    /// The part of the console where it is at home.
    pub section: Section,
    /// Where one sees what became of it.
    pub home: String,
    /// As in `Order 677e4327`.
    pub title: String,
    /// What there is to know of it.
    pub facts: Facts,
    doing: Doing,
}

/// Reads what an operator wants of an order from the form.
type ReadAct = fn(&ActBody) -> Result<OrderAct, Problem>;

/// What is done, and to what.
enum Doing {
    Order(OrderId, ReadAct),
    Reconcile(OrderId),
    Reissue(OrderId),
    Replay(Box<JournalRow>),
    Resend(String),
    /// A package's code.
    Price(String),
    /// The same, what it becomes, and the word in the log.
    Listing(String, Listing, &'static str),
    /// An operator's name.
    EndToken(String),
    RevokePrinted(i64, VoucherCode),
    ReleaseOutbox(Queued),
}

fn not_found() -> Problem {
    Problem::new(Code::NotFound)
}

impl Target {
    /// Finds it by its path; what is not there, or has no such act, is no page.
    ///
    /// # Errors
    /// A 404, or what kept us from looking.
    pub async fn find(path: &(String, String, String), caller: &Caller) -> Result<Self, Problem> {
        let (kind, id, word) = path;
        let act = Act::read(word).ok_or_else(not_found)?;
        match (kind.as_str(), act) {
            ("orders", Act::Reconcile) => Self::order(act, id, caller, Doing::Reconcile).await,
            ("orders", Act::Reissue) => Self::order(act, id, caller, Doing::Reissue).await,
            ("orders", Act::Release) => Self::decide(act, id, caller, OrderAct::release).await,
            ("orders", Act::Refuse) => Self::decide(act, id, caller, OrderAct::refuse).await,
            ("orders", Act::Refund) => Self::decide(act, id, caller, OrderAct::refund).await,
            ("orders", Act::Revoke) => Self::decide(act, id, caller, OrderAct::revoke).await,
            ("deliveries", Act::Replay) => Self::delivery(id, caller).await,
            ("sms", Act::Resend) => Self::sms(id, caller).await,
            ("packages", Act::ChangePrice) => {
                Self::package(act, id, caller, Doing::Price(id.clone())).await
            }
            ("packages", Act::Retire) => {
                let doing = Doing::Listing(id.clone(), Listing::Retired, "retire_package");
                Self::package(act, id, caller, doing).await
            }
            ("packages", Act::Offer) => {
                let doing = Doing::Listing(id.clone(), Listing::OnSale, "offer_package");
                Self::package(act, id, caller, doing).await
            }
            ("people", Act::EndToken) => Self::person(id, caller).await,
            ("printed", Act::Revoke) => Self::printed(id, caller).await,
            ("outbox", Act::SendHeld) if id == "held" => {
                Self::held(act, Queued::Send, caller).await
            }
            ("outbox", Act::DropHeld) if id == "held" => {
                Self::held(act, Queued::Drop, caller).await
            }
            _ => Err(not_found()),
        }
    }

    async fn decide(act: Act, id: &str, caller: &Caller, read: ReadAct) -> Result<Self, Problem> {
        Self::order(act, id, caller, |order_id| Doing::Order(order_id, read)).await
    }

    async fn order(
        act: Act,
        id: &str,
        caller: &Caller,
        doing: impl FnOnce(OrderId) -> Doing,
    ) -> Result<Self, Problem> {
        let order_id = order_named(id, caller).await?;
        let payment = caller.api.store.load(order_id).await?;
        let payment = payment.ok_or_else(not_found)?;
        Ok(Self {
            act,
            section: Section::Orders,
            home: format!("/operator/orders/{order_id}"),
            title: format!("Order {order_id}"),
            facts: of_order(&payment, caller),
            doing: doing(order_id),
        })
    }

    async fn delivery(id: &str, caller: &Caller) -> Result<Self, Problem> {
        let row = journalled(id, caller).await?;
        let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
        Ok(Self {
            act: Act::Replay,
            section: Section::Deliveries,
            home: match order_of(&row) {
                Some(order_id) => format!("/operator/orders/{order_id}"),
                None => format!("/operator/deliveries/{}", row.id),
            },
            title: format!("Webhook {}", row.id),
            facts: vec![
                ("Order", said(&row.order_id)),
                ("Says", said(&row.word)),
                ("Proof", said(&row.proof)),
                ("Meant then", row.outcome.clone()),
            ],
            doing: Doing::Replay(Box::new(row)),
        })
    }

    async fn sms(id: &str, caller: &Caller) -> Result<Self, Problem> {
        let number = id.parse().map_err(|_| not_found())?;
        let order_id = caller.api.store.order_of_sms(number).await?;
        let order_id = order_id.ok_or_else(not_found)?;
        Ok(Self {
            act: Act::Resend,
            section: Section::Orders,
            home: format!("/operator/orders/{order_id}"),
            title: format!("SMS {number}"),
            facts: vec![("Order", order_id.to_string())],
            doing: Doing::Resend(id.to_owned()),
        })
    }

    async fn package(act: Act, code: &str, caller: &Caller, doing: Doing) -> Result<Self, Problem> {
        let mut list = caller.api.store.price_list().await?.into_iter();
        let line = list.find(|line| line.package.terms.code == code);
        let line = line.ok_or_else(not_found)?;
        let mut facts = vec![
            (
                "Package",
                line.package.terms.name(Language::English).to_owned(),
            ),
            ("Price now", money(line.package.price.0)),
        ];
        let zone = caller.api.timezone;
        facts.extend(line.retired_at.map(|at| ("Retired", until(at, zone))));
        Ok(Self {
            act,
            section: Section::Packages,
            home: Section::Packages.href().to_owned(),
            title: format!("Package {code}"),
            facts,
            doing,
        })
    }

    async fn person(name: &str, caller: &Caller) -> Result<Self, Problem> {
        let mut known = caller.api.store.operators().await?.into_iter();
        let found = known.find(|it| it.operator.name == name && it.disabled_at.is_none());
        let known = found.ok_or_else(|| {
            not_found().detail("there is nobody of that name whose token could be ended")
        })?;
        let mut facts = vec![
            ("Role", known.operator.role.as_str().to_owned()),
            ("Since", until(known.since, caller.api.timezone)),
        ];
        if name == caller.operator().name {
            facts.push(("This is you", "you will be logged out".to_owned()));
        }
        Ok(Self {
            act: Act::EndToken,
            section: Section::People,
            home: Section::People.href().to_owned(),
            title: format!("Operator {name}"),
            facts,
            doing: Doing::EndToken(name.to_owned()),
        })
    }

    async fn printed(id: &str, caller: &Caller) -> Result<Self, Problem> {
        let id = id.parse().map_err(|_| not_found())?;
        let voucher = caller.api.store.known_voucher(id).await?;
        let printed = voucher.filter(|voucher| voucher.order_id.is_none());
        let voucher = printed.ok_or_else(not_found)?;
        let first = voucher.usage.first_login_at;
        let first = first.map_or("not yet".to_owned(), |at| until(at, caller.api.timezone));
        Ok(Self {
            act: Act::Revoke,
            section: Section::Vouchers,
            home: format!("/operator/printed/{id}"),
            title: format!("Printed voucher {id}"),
            facts: vec![
                ("Code", caller.sight().code(voucher.code.as_str())),
                ("First login", first),
            ],
            doing: Doing::RevokePrinted(id, voucher.code),
        })
    }

    async fn held(act: Act, queued: Queued, caller: &Caller) -> Result<Self, Problem> {
        let hold = caller.api.store.outbox_hold().await?;
        let hold = hold.ok_or_else(|| not_found().detail("nothing is held back"))?;
        let told = |waiting: Waiting| {
            let (all, old) = (waiting.all, waiting.old);
            format!("{all}, of which {old} came with the backup")
        };
        Ok(Self {
            act,
            section: Section::Letters,
            home: Section::Letters.href().to_owned(),
            title: "Held back".to_owned(),
            facts: vec![
                ("Backup restored", until(hold.since, caller.api.timezone)),
                ("SMS", told(hold.sms)),
                ("Disconnect-Requests", told(hold.disconnects)),
            ],
            doing: Doing::ReleaseOutbox(queued),
        })
    }

    /// Does it.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn perform(&self, form: &Form, caller: &Caller) -> Result<(), Problem> {
        let wish = ActBody::of_form(form);
        match &self.doing {
            Doing::Order(order_id, read) => {
                let act = read(&wish)?;
                act.done(*order_id, order_subject(*order_id), caller)
                    .await?;
            }
            Doing::Reconcile(order_id) => {
                doing::reconcile(*order_id, caller).await?;
            }
            Doing::Reissue(order_id) => {
                doing::reissue(&wish, *order_id, caller).await?;
            }
            Doing::Replay(row) => {
                doing::replay(row, caller).await?;
            }
            Doing::Resend(id) => {
                doing::resend(id, caller).await?;
            }
            Doing::Price(code) => {
                let price = price(&wish)?;
                let audit = AuditEntry {
                    detail: Some(money(price.0)),
                    ..caller.entry("change_price", format!("package {code}"))
                };
                let listing = Listing::Price(price);
                caller
                    .api
                    .store
                    .relist(code.clone(), listing, audit)
                    .await?;
            }
            Doing::Listing(code, listing, action) => {
                let audit = caller.entry(action, format!("package {code}"));
                caller
                    .api
                    .store
                    .relist(code.clone(), *listing, audit)
                    .await?;
            }
            Doing::EndToken(name) => {
                let audit = AuditEntry {
                    detail: wish.optional("reason", REASON_MAX)?,
                    ..caller.entry("disable_operator", format!("operator {name}"))
                };
                // A token that was ended meanwhile is as good as done.
                caller.api.store.disable_operator(name, Some(audit)).await?;
            }
            Doing::RevokePrinted(id, code) => {
                doing::revoke_printed(*id, code.clone(), &wish, caller).await?;
            }
            Doing::ReleaseOutbox(queued) => {
                doing::release_outbox(*queued, &wish, caller).await?;
            }
        }
        Ok(())
    }
}

fn of_order(payment: &Payment, caller: &Caller) -> Facts {
    let sight = caller.sight();
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
