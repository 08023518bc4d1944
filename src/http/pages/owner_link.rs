//! The link in the SMS, which is short because an SMS is: it shows the order at an address of its
//! own, and has the voucher's code replaced after a page that asks for confirmation.
//!
//! # Invariants
//! Only the link's own token shows a new code or requests one. An order id, also in the short form
//! that the first edition put into links, leads to the order's page.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::notice::Notice;
use super::order::{OrderPage, show_by};
use super::order_summary::{LinkKind, is_usable};
use super::{Form, Page, Visitor};
use crate::actors::{ReissueOutcome, Requester};
use crate::domain::access::OwnerToken;
use crate::domain::order::{MayReissue, OrderId, Payment};
use crate::http::Api;
use crate::http::problem::{Code, Problem};

/// Says what will happen, and asks for confirmation.
#[derive(Template)]
#[template(path = "reissue.html")]
struct ReissuePage<'a> {
    visitor: &'a Visitor,
    /// Its version is sent along, so that pressing twice is one new code.
    order: &'a Payment,
    /// The path of the order's page.
    home: String,
}

/// The order, as it is now or as soon as it differs from `since`.
pub async fn show(
    visitor: Visitor,
    request: HttpRequest,
    token: web::Path<String>,
    api: web::Data<Api>,
) -> Page {
    if let Some((token, order)) = find(&api, &token).await? {
        let link = LinkKind::OwnerLink(&token);
        return show_by(&request, &api, &visitor, order.order_id, link).await;
    }
    // A link of the first edition leads to the order's page, whose address it says as well.
    let order_id = OrderId::from_short(&token).ok_or(Code::OrderNotFound)?;
    let order = api.store.load_for_guest(order_id).await?;
    order.ok_or(Code::OrderNotFound)?;
    Ok(visitor.see(&format!("/order/{order_id}")))
}

/// Asks whether the code is to be replaced.
pub async fn ask(visitor: Visitor, token: web::Path<String>, api: web::Data<Api>) -> Page {
    let (token, order) = owned(&api, &token).await?;
    let link = LinkKind::OwnerLink(&token);
    let is_over = !is_usable(&order, api.store.clock().now());
    let refusal = refused_here(&visitor).or_else(|| is_over.then(|| over(&visitor)));
    if let Some(refusal) = refusal {
        return Ok(show_again(&api, &visitor, &order, link, refusal));
    }
    let page = ReissuePage {
        visitor: &visitor,
        order: &order,
        home: link.path(&order),
    };
    Ok(visitor.answer(StatusCode::OK, &page))
}

/// Has the code replaced, and leads back to the order, which shows the new one.
pub async fn reissue(
    visitor: Visitor,
    token: web::Path<String>,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Page {
    let form = Form::read(payload).await?;
    let (token, order) = owned(&api, &token).await?;
    let link = LinkKind::OwnerLink(&token);
    if let Some(refusal) = refused_here(&visitor) {
        return Ok(show_again(&api, &visitor, &order, link, refusal));
    }
    let home = link.path(&order);
    // Our form has the version that the guest saw; any other form changes nothing.
    let Ok(seen) = form.field("seen").parse() else {
        return Ok(visitor.see(&format!("{home}/reissue")));
    };
    let requester = Requester::Owner(seen);
    let done = api.orders.reissue(order.order_id, requester).await?;
    let text = &visitor.text.notice;
    let refusal = match done.outcome {
        ReissueOutcome::Given | ReissueOutcome::GivenBefore => return Ok(visitor.see(&home)),
        ReissueOutcome::Enough => {
            let notice = Notice::new(&text.enough_codes_title, &text.enough_codes);
            (StatusCode::TOO_MANY_REQUESTS, notice)
        }
        ReissueOutcome::Over => over(&visitor),
    };
    Ok(show_again(&api, &visitor, &done.payment, link, refusal))
}

/// Why a code is not replaced.
type Refusal = (StatusCode, Notice);

/// If no link of this shop can have a code replaced.
fn refused_here(visitor: &Visitor) -> Option<Refusal> {
    let text = &visitor.text.notice;
    let notice = || Notice::new(&text.staff_codes_title, &text.staff_codes);
    match visitor.shop.may_reissue {
        MayReissue::Owner => None,
        MayReissue::OperatorsOnly => Some((StatusCode::FORBIDDEN, notice())),
    }
}

/// The voucher has ended or is closed, so it gets no new code.
fn over(visitor: &Visitor) -> Refusal {
    let text = &visitor.text.notice;
    let notice = Notice::new(&text.no_new_code_title, &text.no_new_code);
    (StatusCode::CONFLICT, notice)
}

/// The page of the order, with why the code was not replaced.
fn show_again(
    api: &Api,
    visitor: &Visitor,
    order: &Payment,
    link: LinkKind<'_>,
    (status, notice): Refusal,
) -> HttpResponse {
    let visitor = visitor.at(&link.path(order));
    let mut page = OrderPage::new(api, &visitor, order, link);
    page.notice = Some(notice);
    visitor.answer(status, &page)
}

/// The order behind a link, with the token that opened it.
async fn find(api: &Api, token: &str) -> Result<Option<(OwnerToken, Payment)>, Problem> {
    let Some(token) = OwnerToken::read(token) else {
        return Ok(None);
    };
    let order = api.store.load_by_owner_token(&token).await?;
    Ok(order.map(|order| (token, order)))
}

/// The same for a change, which only the token opens.
async fn owned(api: &Api, token: &str) -> Result<(OwnerToken, Payment), Problem> {
    let found = find(api, token).await?;
    found.ok_or_else(|| Problem::new(Code::OrderNotFound))
}
