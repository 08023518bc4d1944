//! What an act is about: found by its path, described on the confirmation page, and acted on.

use super::acts::Act;
use super::format::{money, until};
use super::packages::price;
use super::{Caller, Code, Facts, Problem, Section, known};
use crate::domain::access::VoucherCode;
use crate::domain::outbox_hold::{Queued, Waiting};
use crate::domain::people::Language;
use crate::http::operators::execute::{self, Fields, OrderAct, REASON_MAX, order_subject};
use crate::http::operators::orders::order_named;
use crate::http::operators::webhooks::{journalled, order_of};
use crate::store::{KnownVoucher, Listing};

/// What an act is about, as its page describes it.
pub struct Target {
    pub act: Act,
    /// The part of the console that it belongs to.
    pub section: Section,
    /// The page that shows the result.
    pub home: String,
    /// As in `Order 677e4327`.
    pub title: String,
    pub facts: Facts,
}

fn not_found() -> Problem {
    Problem::new(Code::NotFound)
}

impl Target {
    /// Finds and describes what the path of an act names.
    ///
    /// # Errors
    /// A 404 if it does not exist or has no such act.
    pub async fn find(path: &(String, String, String), caller: &Caller) -> Result<Self, Problem> {
        let (kind, id, word) = path;
        let act = Act::read(word).ok_or_else(not_found)?;
        match kind.as_str() {
            kind if !act.text().kinds.contains(&kind) => Err(not_found()),
            "orders" => order(act, id, caller).await,
            "deliveries" => webhook(act, id, caller).await,
            "sms" => sms(act, id, caller).await,
            "packages" => package(act, id, caller).await,
            "people" => operator(act, id, caller).await,
            "printed" => printed(act, id, caller).await,
            "outbox" if id == "held" => outbox_hold(act, caller).await,
            _ => Err(not_found()),
        }
    }
}

/// Executes an act.
///
/// # Errors
/// Why it was not done.
pub async fn perform(
    path: &(String, String, String),
    fields: &Fields,
    caller: &Caller,
) -> Result<(), Problem> {
    let (kind, id, word) = path;
    let act = Act::read(word).ok_or_else(not_found)?;
    match act {
        Act::Revoke if kind == "printed" => {
            let voucher = printed_voucher(id, caller).await?;
            let code = VoucherCode::from_stored(voucher.row.code);
            execute::revoke_printed(voucher.row.id, code, fields, caller).await?;
        }
        Act::Release => decide(OrderAct::Release, id, fields, caller).await?,
        Act::Refuse => decide(OrderAct::Refuse, id, fields, caller).await?,
        Act::Refund => decide(OrderAct::Refund, id, fields, caller).await?,
        Act::Revoke => decide(OrderAct::Revoke, id, fields, caller).await?,
        Act::Reconcile => {
            execute::reconcile(order_named(id, caller).await?, caller).await?;
        }
        Act::Reissue => {
            execute::reissue(order_named(id, caller).await?, fields, caller).await?;
        }
        Act::Replay => {
            execute::replay(&journalled(id, caller).await?, caller).await?;
        }
        Act::Resend => {
            execute::resend(id, caller).await?;
        }
        Act::ChangePrice => {
            let price = price(fields)?;
            let detail = Some(money(price.0));
            relist(id, Listing::Price(price), "change_price", detail, caller).await?;
        }
        Act::Retire => relist(id, Listing::Retired, "retire_package", None, caller).await?,
        Act::Offer => relist(id, Listing::OnSale, "offer_package", None, caller).await?,
        Act::EndToken => {
            let detail = fields.optional("reason", REASON_MAX)?;
            let audit = caller.audit_entry("disable_operator", format!("operator {id}"), detail);
            // A token that has ended in the meantime counts as done.
            caller.api.store.disable_operator(id, Some(audit)).await?;
        }
        Act::SendHeld => {
            execute::release_outbox(Queued::Send, fields, caller).await?;
        }
        Act::DropHeld => {
            execute::release_outbox(Queued::Drop, fields, caller).await?;
        }
    }
    Ok(())
}

async fn decide(act: OrderAct, id: &str, fields: &Fields, caller: &Caller) -> Result<(), Problem> {
    let order_id = order_named(id, caller).await?;
    act.apply(order_id, order_subject(order_id), fields, caller)
        .await
        .map(drop)
}

async fn relist(
    code: &str,
    listing: Listing,
    action: &'static str,
    detail: Option<String>,
    caller: &Caller,
) -> Result<(), Problem> {
    let audit = caller.audit_entry(action, format!("package {code}"), detail);
    let relisted = caller.api.store.relist(code.to_owned(), listing, audit);
    relisted.await?;
    Ok(())
}

async fn order(act: Act, id: &str, caller: &Caller) -> Result<Target, Problem> {
    let order_id = order_named(id, caller).await?;
    let payment = caller.api.store.load(order_id).await?;
    let payment = payment.ok_or_else(not_found)?;
    let visibility = caller.visibility();
    let voucher = payment.voucher.as_ref();
    Ok(Target {
        act,
        section: Section::Orders,
        home: format!("/operator/orders/{order_id}"),
        title: format!("Order {order_id}"),
        facts: known([
            (
                "Package",
                Some(payment.terms.name(Language::English).to_owned()),
            ),
            ("Price", Some(money(payment.amount.0))),
            (
                "Phone",
                Some(visibility.phone(payment.phone.international())),
            ),
            ("Status", Some(payment.status.as_str().to_owned())),
            (
                "Paid",
                payment.gateway.paid_amount.map(|paid| money(paid.0)),
            ),
            (
                "Voucher",
                voucher.map(|it| visibility.code(it.code.as_str())),
            ),
        ]),
    })
}

async fn webhook(act: Act, id: &str, caller: &Caller) -> Result<Target, Problem> {
    let row = journalled(id, caller).await?;
    let home = match order_of(&row) {
        Some(order_id) => format!("/operator/orders/{order_id}"),
        None => format!("/operator/deliveries/{}", row.id),
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    Ok(Target {
        act,
        section: Section::Webhooks,
        home,
        title: format!("Webhook {}", row.id),
        facts: vec![
            ("Order", or_dash(row.order_id)),
            ("Word", or_dash(row.word)),
            ("Proof", or_dash(row.proof)),
            ("Outcome", row.outcome),
        ],
    })
}

async fn sms(act: Act, id: &str, caller: &Caller) -> Result<Target, Problem> {
    let id = id.parse().map_err(|_| not_found())?;
    let order_id = caller.api.store.order_of_sms(id).await?;
    let order_id = order_id.ok_or_else(not_found)?;
    Ok(Target {
        act,
        section: Section::Orders,
        home: format!("/operator/orders/{order_id}"),
        title: format!("SMS {id}"),
        facts: vec![("Order", order_id.to_string())],
    })
}

async fn package(act: Act, code: &str, caller: &Caller) -> Result<Target, Problem> {
    let mut list = caller.api.store.price_list().await?.into_iter();
    let line = list.find(|line| line.package.terms.code == code);
    let line = line.ok_or_else(not_found)?;
    let name = line.package.terms.name(Language::English).to_owned();
    let zone = caller.api.timezone;
    Ok(Target {
        act,
        section: Section::Packages,
        home: Section::Packages.href().to_owned(),
        title: format!("Package {code}"),
        facts: known([
            ("Package", Some(name)),
            ("Price now", Some(money(line.package.price.0))),
            ("Retired", line.retired_at.map(|at| until(at, zone))),
        ]),
    })
}

async fn operator(act: Act, name: &str, caller: &Caller) -> Result<Target, Problem> {
    let mut list = caller.api.store.operators().await?.into_iter();
    let found = list.find(|it| it.operator.name == name && it.disabled_at.is_none());
    let found = found.ok_or_else(|| not_found().detail("no operator of that name has a token"))?;
    let is_self = name == caller.operator().name;
    Ok(Target {
        act,
        section: Section::Operators,
        home: Section::Operators.href().to_owned(),
        title: format!("Operator {name}"),
        facts: known([
            ("Role", Some(found.operator.role.as_str().to_owned())),
            ("Since", Some(until(found.since, caller.api.timezone))),
            (
                "This is you",
                is_self.then(|| "you will be logged out".to_owned()),
            ),
        ]),
    })
}

async fn printed_voucher(id: &str, caller: &Caller) -> Result<KnownVoucher, Problem> {
    let id = id.parse().map_err(|_| not_found())?;
    let voucher = caller.api.store.known_voucher(id).await?;
    let printed = voucher.filter(|voucher| voucher.order_id.is_none());
    printed.ok_or_else(not_found)
}

async fn printed(act: Act, id: &str, caller: &Caller) -> Result<Target, Problem> {
    let voucher = printed_voucher(id, caller).await?;
    let first = voucher.usage.first_login_at;
    let first = first.map_or("not yet".to_owned(), |at| until(at, caller.api.timezone));
    Ok(Target {
        act,
        section: Section::Vouchers,
        home: format!("/operator/printed/{}", voucher.row.id),
        title: format!("Printed voucher {}", voucher.row.id),
        facts: vec![
            ("Code", caller.visibility().code(voucher.row.code.as_str())),
            ("First login", first),
        ],
    })
}

async fn outbox_hold(act: Act, caller: &Caller) -> Result<Target, Problem> {
    let hold = caller.api.store.outbox_hold().await?;
    let hold = hold.ok_or_else(|| not_found().detail("nothing is held back"))?;
    let count = |waiting: Waiting| {
        let (all, old) = (waiting.all, waiting.old);
        format!("{all}, of which {old} came with the backup")
    };
    Ok(Target {
        act,
        section: Section::Messages,
        home: Section::Messages.href().to_owned(),
        title: "Held messages".to_owned(),
        facts: vec![
            ("Backup restored", until(hold.since, caller.api.timezone)),
            ("SMS", count(hold.sms)),
            ("Disconnect-Requests", count(hold.disconnects)),
        ],
    })
}
