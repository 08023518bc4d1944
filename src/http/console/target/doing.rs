//! What is done to a target, by the same calls as the API's.

use super::Target;
use crate::domain::order::ids::OrderId;
use crate::domain::people::operator::Operator;
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::console::packages::price;
use crate::http::operators::acts::{about, entry};
use crate::http::operators::outbox::let_go;
use crate::http::operators::wanted::{self, Wanted, is_changed};
use crate::http::operators::wish::{REASON_MAX, Wish};
use crate::http::pages::Form;
use crate::http::problem::{Code, Problem};
use crate::store::{AuditEntry, ListedPackage, Listing};
use crate::web::console::{Act, money};

impl Target {
    /// Does it.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn perform(&self, api: &Api, visitor: &Visitor, form: &Form) -> Result<(), Problem> {
        let operator = &visitor.operator;
        let not_found = || Problem::new(Code::NotFound);
        let wish = Wish::of_form(form);
        let entry = |action, subject| AuditEntry {
            subject,
            ..entry(operator, action)
        };
        match self {
            Self::Delivery(row) => {
                let body = api.store.journalled_body(row.id).await?;
                let audit = entry("replay", format!("webhook {}", row.id));
                let body = body.ok_or_else(not_found)?;
                api.orders.replay(row, body, audit).await?;
            }
            Self::Sms(id, _) => {
                let audit = entry("resend", format!("sms {id}"));
                let sent = api.store.resend_sms(*id, Some(audit)).await?;
                sent.ok_or_else(not_found)?;
            }
            Self::Order(payment, act) => {
                by_its_actor(payment.order_id, *act, &wish, operator, api).await?;
            }
            Self::Package(line, act) => relist(line, *act, &wish, operator, api).await?,
            Self::Person(known) => {
                let name = &known.operator.name;
                let audit = AuditEntry {
                    detail: wish.optional("reason", REASON_MAX)?,
                    ..entry("disable_operator", format!("operator {name}"))
                };
                // Who was disabled meanwhile is out, too.
                api.store.disable_operator(name, Some(audit)).await?;
            }
            Self::Printed(voucher) => {
                let audit = AuditEntry {
                    detail: wish.optional("reason", REASON_MAX)?,
                    // Whoever reads the log must not read a code that lets in.
                    ..entry("revoke", format!("voucher {}", voucher.id))
                };
                api.store
                    .revoke_printed(voucher.code.clone(), audit)
                    .await?;
            }
            Self::Held(_, queued) => {
                let_go(api, operator, *queued, &wish).await?;
            }
        }
        Ok(())
    }
}

/// An order's own acts go through its actor.
async fn by_its_actor(
    order_id: OrderId,
    act: Act,
    wish: &Wish,
    operator: &Operator,
    api: &Api,
) -> Result<(), Problem> {
    let wanted = match act {
        Act::Release => Wanted::release(wish)?,
        Act::Refuse => Wanted::refuse(wish)?,
        Act::Refund => Wanted::refund(wish)?,
        Act::Revoke => Wanted::revoke(wish)?,
        Act::Reconcile => {
            let audit = about(order_id, entry(operator, "reconcile"));
            api.orders.reconcile(order_id, audit).await?;
            return Ok(());
        }
        Act::Reissue => {
            wanted::reissue(wish, order_id, operator, api).await?;
            return Ok(());
        }
        Act::Resend
        | Act::Replay
        | Act::ChangePrice
        | Act::Retire
        | Act::Offer
        | Act::EndToken
        | Act::SendHeld
        | Act::DropHeld => {
            return Err(Problem::new(Code::NotFound));
        }
    };
    is_changed(&wanted.done(order_id, operator, api).await?)?;
    Ok(())
}

/// Changes a line of the price list. What is so already is as good as done.
async fn relist(
    line: &ListedPackage,
    act: Act,
    wish: &Wish,
    operator: &Operator,
    api: &Api,
) -> Result<(), Problem> {
    let (listing, action, detail) = match act {
        Act::ChangePrice => {
            let price = price(wish)?;
            (Listing::Price(price), "change_price", Some(money(price.0)))
        }
        Act::Retire => (Listing::Retired, "retire_package", None),
        Act::Offer => (Listing::OnSale, "offer_package", None),
        Act::Reconcile
        | Act::Release
        | Act::Refuse
        | Act::Refund
        | Act::Revoke
        | Act::Reissue
        | Act::Resend
        | Act::Replay
        | Act::EndToken
        | Act::SendHeld
        | Act::DropHeld => return Err(Problem::new(Code::NotFound)),
    };
    let code = line.package.terms.code.clone();
    let audit = AuditEntry {
        subject: format!("package {code}"),
        detail,
        ..entry(operator, action)
    };
    api.store.relist(code, listing, audit).await?;
    Ok(())
}
