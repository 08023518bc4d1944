//! The target of a manual action: found by its path, described on the confirmation page, then
//! changed.

use super::act::Act;
use super::format::{date_time, money};
use super::packages::price;
use super::{Caller, Code, Facts, Problem, Section, known, routers, sessions};
use crate::domain::access::VoucherCode;
use crate::domain::order::OrderId;
use crate::domain::outbox_hold::{Queued, Waiting};
use crate::http::operators::execute::{
    Fields, OrderAct, REASON_MAX, no_such_batch, order_subject, reconcile, reissue, release_outbox,
    replay, resend, revoke_batch, revoke_printed,
};
use crate::http::operators::orders::order_named;
use crate::http::operators::router_edit::{change_router, remove_router, router_named};
use crate::http::operators::sessions::disconnect_session;
use crate::http::operators::webhooks::{journalled, order_of};
use crate::store::{BatchCounts, KnownVoucher, ListingChange};

/// The kind of a target, its id, and the last part of an action's path.
pub type ActPath = (String, String, String);

/// The target of an action, as the confirmation page describes it.
pub struct Target {
    /// The part of the console that it belongs to.
    pub section: Section,
    /// The page that shows the result.
    pub home: String,
    /// As in `Order 677e4327`.
    pub title: String,
    pub facts: Facts,
    /// The version of an order, for its form: pressing twice acts once.
    pub seen: Option<i32>,
}

fn not_found() -> Problem {
    Problem::new(Code::NotFound)
}

impl Target {
    /// A target whose result is on the first page of its section.
    fn at(section: Section, (title, facts): (String, Facts)) -> Self {
        Self {
            section,
            home: section.href().to_owned(),
            title,
            facts,
            seen: None,
        }
    }

    /// Finds the action and the target that a path names.
    ///
    /// # Errors
    /// A 404 if the target does not exist or has no such action.
    pub async fn find(path: &ActPath, caller: &Caller) -> Result<(Act, Self), Problem> {
        let (kind, id, segment) = path;
        let act = Act::read(segment).filter(|act| act.text().kinds.contains(&kind.as_str()));
        let act = act.ok_or_else(not_found)?;
        let target = match kind.as_str() {
            "orders" => order(id, caller).await,
            "deliveries" => webhook(id, caller).await,
            "sms" => sms(id, caller).await,
            "packages" => package(id, caller).await,
            "people" => operator(id, caller).await,
            "printed" => printed(id, caller).await,
            "vouchers" => batch(id, caller).await,
            "routers" => Ok(Self::at(
                Section::Routers,
                routers::facts(id, caller).await?,
            )),
            "sessions" => Ok(Self::at(
                Section::Sessions,
                sessions::facts(id, caller).await?,
            )),
            "outbox" if id == "held" => outbox_hold(caller).await,
            _ => Err(not_found()),
        };
        Ok((act, target?))
    }
}

/// Executes an action.
///
/// # Errors
/// Why it was not done.
pub async fn perform(
    act: Act,
    (kind, id, _): &ActPath,
    fields: &Fields,
    caller: &Caller,
) -> Result<(), Problem> {
    // Only the actions that need them await these look-ups.
    let (order_id, webhook) = (order_named(id, caller), journalled(id, caller));
    match act {
        Act::Revoke if kind == "printed" => {
            let voucher = printed_voucher(id, caller).await?;
            let code = VoucherCode::from_stored(voucher.row.code);
            let revoked = revoke_printed(voucher.row.id, code, fields, caller);
            revoked.await.map(drop)
        }
        Act::RevokeBatch => revoke_batch(id, fields, caller).await.map(drop),
        Act::Release => apply(OrderAct::Release, order_id.await?, fields, caller).await,
        Act::Refuse => apply(OrderAct::Refuse, order_id.await?, fields, caller).await,
        Act::Refund => apply(OrderAct::Refund, order_id.await?, fields, caller).await,
        Act::Revoke => apply(OrderAct::Revoke, order_id.await?, fields, caller).await,
        Act::Reconcile => reconcile(order_id.await?, caller).await.map(drop),
        Act::Reissue => reissue(order_id.await?, fields, caller).await.map(drop),
        Act::Replay => replay(&webhook.await?, caller).await.map(drop),
        Act::Resend => resend(id, caller).await.map(drop),
        Act::ChangePrice => {
            let price = price(fields)?;
            let detail = Some(money(price));
            change_listing(
                id,
                ListingChange::Price(price),
                "change_price",
                detail,
                caller,
            )
            .await
        }
        Act::Retire => {
            change_listing(id, ListingChange::Retired, "retire_package", None, caller).await
        }
        Act::Offer => {
            change_listing(id, ListingChange::OnSale, "offer_package", None, caller).await
        }
        Act::ChangeRouter => {
            let router = router_named(id, caller).await?;
            change_router(&router, routers::entered(fields)?, caller)
                .await
                .map(drop)
        }
        Act::RemoveRouter => {
            let detail = fields.optional("reason", REASON_MAX)?;
            remove_router(&router_named(id, caller).await?, detail, caller).await
        }
        Act::Disconnect => disconnect_session(id, caller).await.map(drop),
        Act::EndToken => {
            let detail = fields.optional("reason", REASON_MAX)?;
            let audit = caller.audit_entry("disable_operator", format!("operator {id}"), detail);
            // If the token was disabled in the meantime, there is nothing to do.
            caller.api.store.disable_operator(id, Some(audit)).await?;
            Ok(())
        }
        Act::SendHeld => release_outbox(Queued::Send, fields, caller).await.map(drop),
        Act::DropHeld => release_outbox(Queued::Drop, fields, caller).await.map(drop),
    }
}

async fn apply(
    act: OrderAct,
    order_id: OrderId,
    fields: &Fields,
    caller: &Caller,
) -> Result<(), Problem> {
    let applied = act.apply(order_id, order_subject(order_id), fields, caller);
    applied.await.map(drop)
}

async fn change_listing(
    code: &str,
    listing: ListingChange,
    action: &'static str,
    detail: Option<String>,
    caller: &Caller,
) -> Result<(), Problem> {
    let audit = caller.audit_entry(action, format!("package {code}"), detail);
    let relisted = caller
        .api
        .store
        .change_listing(code.to_owned(), listing, audit);
    relisted.await?;
    Ok(())
}

async fn order(id: &str, caller: &Caller) -> Result<Target, Problem> {
    let order_id = order_named(id, caller).await?;
    let payment = caller.api.store.load(order_id).await?;
    let payment = payment.ok_or_else(not_found)?;
    let visibility = caller.visibility();
    let phone = visibility.phone(payment.phone.international());
    let voucher = payment.voucher.as_ref();
    let code = voucher.map(|it| visibility.code(it.code.as_str()));
    Ok(Target {
        section: Section::Orders,
        home: format!("/operator/orders/{order_id}"),
        title: format!("Order {order_id}"),
        seen: Some(payment.version),
        facts: known([
            ("Package", Some(payment.terms.name_en)),
            ("Price", Some(money(payment.amount))),
            ("Phone", Some(phone)),
            ("Status", Some(payment.status.as_str().to_owned())),
            ("Paid", payment.gateway.paid_amount.map(money)),
            ("Voucher", code),
        ]),
    })
}

async fn webhook(id: &str, caller: &Caller) -> Result<Target, Problem> {
    let row = journalled(id, caller).await?;
    let home = match order_of(&row) {
        Some(order_id) => format!("/operator/orders/{order_id}"),
        None => format!("/operator/deliveries/{}", row.id),
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    Ok(Target {
        section: Section::Webhooks,
        home,
        title: format!("Webhook {}", row.id),
        facts: vec![
            ("Order", or_dash(row.order_id)),
            ("Word", or_dash(row.word)),
            ("Proof", or_dash(row.proof)),
            ("Outcome", row.outcome),
        ],
        seen: None,
    })
}

async fn sms(id: &str, caller: &Caller) -> Result<Target, Problem> {
    let id = id.parse().map_err(|_| not_found())?;
    let order_id = caller.api.store.order_of_sms(id).await?;
    let order_id = order_id.ok_or_else(not_found)?;
    Ok(Target {
        section: Section::Orders,
        home: format!("/operator/orders/{order_id}"),
        title: format!("SMS {id}"),
        facts: vec![("Order", order_id.to_string())],
        seen: None,
    })
}

async fn package(code: &str, caller: &Caller) -> Result<Target, Problem> {
    let mut list = caller.api.store.price_list().await?.into_iter();
    let line = list.find(|line| line.package.terms.code == code);
    let line = line.ok_or_else(not_found)?;
    let zone = caller.api.timezone;
    let facts = known([
        ("Package", Some(line.package.terms.name_en)),
        ("Price now", Some(money(line.package.price))),
        ("Retired", line.retired_at.map(|at| date_time(at, zone))),
    ]);
    Ok(Target::at(
        Section::Packages,
        (format!("Package {code}"), facts),
    ))
}

async fn operator(name: &str, caller: &Caller) -> Result<Target, Problem> {
    let mut list = caller.api.store.operators().await?.into_iter();
    let found = list.find(|it| it.operator.name == name && it.disabled_at.is_none());
    let found = found.ok_or_else(|| not_found().detail("no operator of that name has access"))?;
    let note = (name == caller.operator().name).then(|| "you will be logged out".to_owned());
    let facts = known([
        ("Role", Some(found.operator.role.as_str().to_owned())),
        ("Since", Some(date_time(found.since, caller.api.timezone))),
        ("This is you", note),
    ]);
    Ok(Target::at(
        Section::Operators,
        (format!("Operator {name}"), facts),
    ))
}

async fn printed_voucher(id: &str, caller: &Caller) -> Result<KnownVoucher, Problem> {
    let id = id.parse().map_err(|_| not_found())?;
    let voucher = caller.api.store.known_voucher(id).await?;
    let printed = voucher.filter(|voucher| voucher.order_id.is_none());
    printed.ok_or_else(not_found)
}

async fn printed(id: &str, caller: &Caller) -> Result<Target, Problem> {
    let voucher = printed_voucher(id, caller).await?;
    let first = voucher.usage.first_login_at;
    let first = first.map_or("not yet".to_owned(), |at| {
        date_time(at, caller.api.timezone)
    });
    Ok(Target {
        section: Section::Vouchers,
        home: format!("/operator/printed/{}", voucher.row.id),
        title: format!("Printed voucher {}", voucher.row.id),
        facts: vec![
            ("Code", caller.visibility().code(voucher.row.code.as_str())),
            ("First login", first),
        ],
        seen: None,
    })
}

async fn batch(id: &str, caller: &Caller) -> Result<Target, Problem> {
    let id = id.parse().map_err(|_| no_such_batch())?;
    let (batch, cards) = caller
        .api
        .store
        .batch(id)
        .await?
        .ok_or_else(no_such_batch)?;
    let counts = BatchCounts::of(&cards);
    Ok(Target {
        section: Section::Vouchers,
        home: format!("/operator/vouchers/{id}"),
        title: format!("Batch {id}: {} × {}", batch.count, batch.package_name),
        facts: known([
            ("Unused: will be revoked", Some(counts.unused.to_string())),
            ("Used: stay valid", Some(counts.used.to_string())),
            ("Revoked before", Some(counts.revoked.to_string())),
            ("Sold at", batch.note),
        ]),
        seen: None,
    })
}

async fn outbox_hold(caller: &Caller) -> Result<Target, Problem> {
    let hold = caller.api.store.outbox_hold().await?;
    let hold = hold.ok_or_else(|| not_found().detail("nothing is held back"))?;
    let count = |waiting: Waiting| {
        let (all, old) = (waiting.all, waiting.old);
        format!("{all}, of which {old} came with the backup")
    };
    let facts = vec![
        (
            "Backup restored",
            date_time(hold.since, caller.api.timezone),
        ),
        ("SMS", count(hold.sms)),
        ("Disconnect-Requests", count(hold.disconnects)),
    ];
    Ok(Target::at(
        Section::Messages,
        ("Held messages".to_owned(), facts),
    ))
}
