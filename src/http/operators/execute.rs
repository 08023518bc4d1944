//! Manual actions of operators, for the API and the console. Each act is logged in the transaction of
//! its effect.

use actix_web::web;
use serde_json::{Map, Value};

use super::{Caller, Code, Problem};
use crate::actors::{Handled, Reconciled, ReissueOutcome, Requester};
use crate::domain::access::VoucherCode;
use crate::domain::order::{OrderId, Outcome};
use crate::domain::outbox_hold::Queued;
use crate::http::pages::Form;
use crate::http::request::object_of;
use crate::store::{Dropped, JournalRow, RevokedBatch};

pub use crate::domain::order::OrderAct;

/// Characters of a reason.
pub const REASON_MAX: usize = 200;
/// Characters of any other text, such as the method of a refund or the note of a batch.
pub const NOTE_MAX: usize = 100;

/// The field with the version of the order that the operator saw: pressing twice makes one new code.
pub const SEEN: &str = "seen";

/// The texts that come with an act: the members of a JSON object, or the fields of a form.
pub struct Fields(Map<String, Value>);

impl Fields {
    /// The fields of a form that are not blank.
    pub fn of_form(form: &Form) -> Self {
        let filled = form.fields().filter(|(_, value)| !value.trim().is_empty());
        let members = filled.map(|(name, value)| (name.to_owned(), Value::from(value)));
        Self(members.collect())
    }

    /// Reads a body.
    ///
    /// # Errors
    /// A 400 if it is not a JSON object.
    pub async fn read(payload: web::Payload) -> Result<Self, Problem> {
        object_of(payload).await.map(Self)
    }

    /// A required text of at most `max` characters.
    ///
    /// # Errors
    /// A 422 if it is missing, blank, too long or not a text.
    pub fn required(&self, name: &str, max: usize) -> Result<String, Problem> {
        self.optional(name, max)?
            .ok_or_else(|| Code::InvalidValue.detail(format!("{name} is missing")))
    }

    /// An optional text of at most `max` characters.
    ///
    /// # Errors
    /// A 422 if it is blank, too long or not a text.
    pub fn optional(&self, name: &str, max: usize) -> Result<Option<String>, Problem> {
        let text = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text,
            Some(_) => return Err(Code::InvalidValue.detail(format!("{name} must be a text"))),
        };
        if text.chars().count() > max || !text.chars().any(is_visible) {
            let detail = format!("{name} must have 1 to {max} characters");
            return Err(Code::InvalidValue.detail(detail));
        }
        // A line break could forge a log line, and PostgreSQL refuses NUL.
        Ok(Some(text.replace(char::is_control, " ").trim().to_owned()))
    }

    /// An optional version of an order: a number, or in a form its digits.
    ///
    /// # Errors
    /// A 422 if it is neither.
    fn version(&self, name: &str) -> Result<Option<i32>, Problem> {
        let version = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => self.count(name).map(i32::from),
        };
        let fault = || Code::InvalidValue.detail(format!("{name} must be a version of the order"));
        version.map(Some).ok_or_else(fault)
    }

    /// A small whole number of a JSON body. JSON Schema accepts 3.0 as an integer, so we do too.
    pub fn count(&self, name: &str) -> Option<u16> {
        let number = self.0.get(name)?.as_f64()?;
        (0..=u16::MAX).find(|count| f64::from(*count) == number)
    }
}

/// Matches the `pattern` of these fields in the OpenAPI document.
fn is_visible(c: char) -> bool {
    c.is_ascii_graphic() || ('\u{a1}'..='\u{ffff}').contains(&c)
}

impl OrderAct {
    /// Sends the act to the order's actor; `subject` goes into the audit log. The outcome is
    /// `Duplicate` if nothing changed.
    ///
    /// # Errors
    /// A 422 if the reason or another field is not valid, a 409 if the order's status does not allow
    /// it, or the actor's failure.
    pub async fn apply(
        self,
        order_id: OrderId,
        subject: String,
        fields: &Fields,
        caller: &Caller,
    ) -> Result<Handled, Problem> {
        let (reason, detail) = self.read(fields)?;
        let mut audit = caller.audit_entry(self.into(), subject, detail);
        audit.order_id = Some(order_id);
        let handled = caller.api.orders.act(order_id, self, reason, audit).await?;
        if handled.refused {
            let now = handled.payment.status.as_str();
            return Err(Code::InvalidTransition
                .detail(format!("the order is {now}"))
                .with("payment_status", now));
        }
        Ok(handled)
    }

    /// The reason for the actor, and the detail for the audit log.
    fn read(self, fields: &Fields) -> Result<(String, Option<String>), Problem> {
        let given = match self {
            Self::Release | Self::Refuse | Self::Refund => {
                Some(fields.required("reason", REASON_MAX)?)
            }
            Self::Revoke => fields.optional("reason", REASON_MAX)?,
        };
        let reason = given.clone();
        let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
        let mut notes = String::new();
        if self == Self::Refund {
            for name in ["method", "reference"] {
                if let Some(text) = fields.optional(name, NOTE_MAX)? {
                    notes += &format!("; {name}: {text}");
                }
            }
        }
        Ok((reason, given.map(|reason| reason + &notes)))
    }
}

/// How the audit log names an order.
pub fn order_subject(order_id: OrderId) -> String {
    format!("order {}", order_id.order_ref())
}

/// Handles a journalled delivery again.
///
/// # Errors
/// A 404 if its body was deleted, a 409 if it was simulated, or the actor's failure.
pub async fn replay(row: &JournalRow, caller: &Caller) -> Result<Handled, Problem> {
    let body = caller.api.store.journalled_body(row.id).await?;
    let body = body.ok_or(Code::NotFound)?;
    let order_id = row.order_id.as_deref().and_then(|id| id.parse().ok());
    if let Some(order_id) = order_id
        && caller.api.store.was_adopted(order_id).await?
    {
        return Err(Code::InvalidTransition
            .detail("the sandbox has made this payment, so it is no evidence of money"));
    }
    let audit = caller.audit_entry("replay", format!("webhook {}", row.id), None);
    Ok(caller.api.orders.replay(row, body, audit).await?)
}

/// Asks ZenoPay for an order's status once, and applies the answer.
///
/// # Errors
/// The actor's failure.
pub async fn reconcile(order_id: OrderId, caller: &Caller) -> Result<Reconciled, Problem> {
    let mut audit = caller.audit_entry("reconcile", order_subject(order_id), None);
    audit.order_id = Some(order_id);
    Ok(caller.api.orders.reconcile(order_id, audit).await?)
}

/// Gives an order's voucher another code, for a guest who cannot do it alone: if no SMS is sent, or
/// after three times in a day.
///
/// # Errors
/// A 422 if the reason or `seen` is not valid, a 409 if there is no valid voucher, or the actor's failure.
pub async fn reissue(
    order_id: OrderId,
    fields: &Fields,
    caller: &Caller,
) -> Result<Handled, Problem> {
    let detail = fields.optional("reason", REASON_MAX)?;
    let mut audit = caller.audit_entry("reissue", order_subject(order_id), detail);
    audit.order_id = Some(order_id);
    let requester = Requester::Operator(audit, fields.version(SEEN)?);
    let done = caller.api.orders.reissue(order_id, requester).await?;
    let outcome = match done.outcome {
        ReissueOutcome::Replaced => Outcome::Reissued,
        ReissueOutcome::AlreadyReplaced => Outcome::Duplicate,
        ReissueOutcome::NoValidVoucher | ReissueOutcome::DailyLimit(_) => {
            return Err(Code::InvalidTransition
                .detail("there is no voucher that is still good")
                .with("payment_status", done.payment.status.as_str()));
        }
    };
    let (payment, refused) = (done.payment, false);
    Ok(Handled {
        outcome,
        payment,
        is_changed: outcome == Outcome::Reissued,
        refused,
    })
}

/// Revokes a printed voucher. `Duplicate` if it was revoked already.
///
/// # Errors
/// A 422 if the reason is not valid.
pub async fn revoke_printed(
    id: i64,
    code: VoucherCode,
    fields: &Fields,
    caller: &Caller,
) -> Result<Outcome, Problem> {
    let detail = fields.optional("reason", REASON_MAX)?;
    // Never log the code: a reader of the audit log could use it.
    let audit = caller.audit_entry("revoke", format!("voucher {id}"), detail);
    match caller.api.store.revoke_printed(code, audit).await? {
        true => Ok(Outcome::Revoked),
        false => Ok(Outcome::Duplicate),
    }
}

/// Revokes the unused cards of a batch.
///
/// # Errors
/// A 422 if the reason is not valid, a 404 if there is no such batch.
pub async fn revoke_batch(
    id: &str,
    fields: &Fields,
    caller: &Caller,
) -> Result<RevokedBatch, Problem> {
    let detail = fields.optional("reason", REASON_MAX)?;
    let id = id.parse().map_err(|_| no_such_batch())?;
    let audit = caller.audit_entry("revoke_batch", format!("batch {id}"), detail);
    let revoked = caller.api.store.revoke_batch(id, audit).await?;
    revoked.ok_or_else(no_such_batch)
}

/// The problem of a batch's number that does not exist.
pub fn no_such_batch() -> Problem {
    Code::NotFound.detail("there is no batch of that number")
}

/// Queues an SMS again, and returns its order.
///
/// # Errors
/// A 404 if there is no SMS of that id.
pub async fn resend(id: &str, caller: &Caller) -> Result<OrderId, Problem> {
    let not_found = || Code::NotFound.detail("there is no such message");
    let id: i64 = id.parse().map_err(|_| not_found())?;
    let audit = caller.audit_entry("resend", format!("sms {id}"), None);
    let sent = caller.api.store.resend_sms(id, Some(audit)).await?;
    sent.ok_or_else(not_found)
}

/// Ends the hold of the outbox after a restored backup.
///
/// # Errors
/// A 422 if the reason is not valid, a 409 if there is no hold.
pub async fn release_outbox(
    queued: Queued,
    fields: &Fields,
    caller: &Caller,
) -> Result<Dropped, Problem> {
    let detail = fields.optional("reason", REASON_MAX)?;
    let subject = format!("outbox: {} what was queued", queued.into_str());
    let audit = caller.audit_entry("release_outbox", subject, detail);
    let released = caller.api.store.release_outbox(queued, audit).await?;
    released.ok_or_else(|| Code::InvalidTransition.detail("nothing is held back any more"))
}
