//! What an operator does by hand: first a page that says what will happen, then the act itself,
//! by the same calls as the API's.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};

use super::{answer, desk, see, sight};
use crate::domain::evidence::OperatorAct;
use crate::domain::ids::OrderId;
use crate::domain::language::Language;
use crate::domain::payment::Payment;
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::operators::acts::{about, entry, is_changed, refund_detail};
use crate::http::operators::wish::{NOTE_MAX, REASON_MAX, Wish};
use crate::http::pages::Form;
use crate::http::problem::{Code, Problem};
use crate::store::{AuditEntry, JournalRow};
use crate::web::console::{Act, ActPage, Section, Subject, money};

/// What is acted on, and what there is to know of it.
enum Target {
    /// With one of an order's own acts.
    Order(Box<Payment>, Act),
    /// A delivery is decided again.
    Delivery(Box<JournalRow>),
    /// A text is sent once more.
    Sms(i64, OrderId),
}

impl Target {
    /// Finds it by its path; what is not there, or has no such act, is no page.
    async fn find(api: &Api, path: &(String, String, String)) -> Result<Self, Problem> {
        let (kind, id, act) = path;
        let not_found = || Problem::new(Code::NotFound);
        let act = Act::read(act).ok_or_else(not_found)?;
        match (kind.as_str(), act) {
            ("orders", Act::Reconcile | Act::Release | Act::Refuse | Act::Refund | Act::Revoke) => {
                let order_id: OrderId = id.parse().map_err(|_| not_found())?;
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
            _ => Err(not_found()),
        }
    }

    fn act(&self) -> Act {
        match self {
            Self::Order(_, act) => *act,
            Self::Delivery(_) => Act::Replay,
            Self::Sms(..) => Act::Resend,
        }
    }

    /// Where one sees what became of it.
    fn home(&self) -> String {
        match self {
            Self::Order(payment, _) => format!("/operator/orders/{}", payment.order_id),
            Self::Sms(_, order_id) => format!("/operator/orders/{order_id}"),
            Self::Delivery(row) => match order_of(row) {
                Some(order_id) => format!("/operator/orders/{order_id}"),
                None => format!("/operator/deliveries/{}", row.id),
            },
        }
    }

    fn subject(&self, visitor: &Visitor) -> Subject {
        match self {
            Self::Order(payment, act) => {
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
                Subject {
                    title: format!("Order {}", payment.order_id),
                    facts,
                    action: format!("{}/{}", self.home(), act.word()),
                    back: self.home(),
                }
            }
            Self::Sms(id, order_id) => Subject {
                title: format!("SMS {id}"),
                facts: vec![("Order", order_id.to_string())],
                action: format!("/operator/sms/{id}/resend"),
                back: self.home(),
            },
            Self::Delivery(row) => {
                let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
                Subject {
                    title: format!("Delivery {}", row.id),
                    facts: vec![
                        ("Order", said(&row.order_id)),
                        ("Says", said(&row.word)),
                        ("Proof", said(&row.proof)),
                        ("Meant then", row.outcome.clone()),
                    ],
                    action: format!("/operator/deliveries/{}/replay", row.id),
                    back: self.home(),
                }
            }
        }
    }

    /// Does it.
    async fn perform(&self, api: &Api, visitor: &Visitor, form: &Form) -> Result<(), Problem> {
        let operator = &visitor.operator;
        let act = self.act();
        let audit = entry(operator, act.word());
        match self {
            Self::Delivery(row) => {
                let not_found = || Problem::new(Code::NotFound);
                let kept = api.store.kept_delivery(row.id).await?;
                let subject = format!("webhook {}", row.id);
                let audit = AuditEntry { subject, ..audit };
                api.orders
                    .replay(kept.ok_or_else(not_found)?, audit)
                    .await?;
            }
            Self::Sms(id, _) => {
                let subject = format!("sms {id}");
                let audit = AuditEntry { subject, ..audit };
                let sent = api.store.resend_sms(*id, Some(audit)).await?;
                sent.ok_or_else(|| Problem::new(Code::NotFound))?;
            }
            Self::Order(payment, act) => {
                let audit = about(payment.order_id, audit);
                by_order(api, payment, *act, audit, &Wish::of_form(form)).await?;
            }
        }
        Ok(())
    }
}

/// One of an order's own acts, through its actor.
async fn by_order(
    api: &Api,
    payment: &Payment,
    act: Act,
    audit: AuditEntry,
    wish: &Wish,
) -> Result<(), Problem> {
    let order_id = payment.order_id;
    let (act, detail) = match act {
        Act::Release => {
            let reason = wish.needed("reason", REASON_MAX)?;
            (
                OperatorAct::Release {
                    reason: reason.clone(),
                },
                Some(reason),
            )
        }
        Act::Refuse => {
            let reason = wish.needed("reason", REASON_MAX)?;
            (
                OperatorAct::Refuse {
                    reason: reason.clone(),
                },
                Some(reason),
            )
        }
        Act::Refund => {
            let reason = wish.needed("reason", REASON_MAX)?;
            let method = wish.optional("method", NOTE_MAX)?;
            let reference = wish.optional("reference", NOTE_MAX)?;
            let detail = refund_detail(&reason, method, reference);
            (OperatorAct::Refund { reason }, Some(detail))
        }
        Act::Revoke => {
            let reason = wish.optional("reason", REASON_MAX)?;
            let told = reason
                .clone()
                .unwrap_or_else(|| "no reason given".to_owned());
            (OperatorAct::Revoke { reason: told }, reason)
        }
        Act::Reconcile | Act::Resend | Act::Replay => {
            api.orders.reconcile(order_id, audit).await?;
            return Ok(());
        }
    };
    let audit = AuditEntry { detail, ..audit };
    is_changed(&api.orders.act(order_id, act, audit).await?)?;
    Ok(())
}

fn order_of(row: &JournalRow) -> Option<OrderId> {
    row.order_id.as_deref()?.parse().ok()
}

/// Says what will happen.
pub async fn ask(
    path: web::Path<(String, String, String)>,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let target = Target::find(&api, &path).await?;
    if !visitor.operator.role.may_write() {
        return Err(Problem::new(Code::Forbidden).detail("A viewer only looks: ask an admin."));
    }
    let desk = desk(&api, &visitor, Section::Orders).await;
    let page = ActPage::new(desk, target.act(), target.subject(&visitor));
    Ok(answer(StatusCode::OK, &page))
}

/// Does it, and leads to where one sees it.
pub async fn perform(
    path: web::Path<(String, String, String)>,
    form: web::ReqData<Form>,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let target = Target::find(&api, &path).await?;
    let act = target.act();
    match target.perform(&api, &visitor, &form).await {
        Ok(()) => Ok(see(&format!("{}?done={}", target.home(), act.word()))),
        Err(problem) => {
            let why = match problem.told() {
                Some(detail) => format!("Not done: {detail}."),
                None => format!("Not done: {problem}. Look at the order before you try again."),
            };
            let desk = desk(&api, &visitor, Section::Orders).await;
            let page = ActPage::new(desk, act, target.subject(&visitor))
                .refused(why, |name| form.field(name).to_owned());
            Ok(answer(problem.status_code(), &page))
        }
    }
}
