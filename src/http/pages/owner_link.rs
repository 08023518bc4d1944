//! The owner link in the SMS, `/v/TOKEN`: it shows the order, and can replace the voucher code after
//! a confirmation page. It is short to fit into an SMS.
//!
//! # Invariants
//! Only the link's own token shows a new code or requests one. An order id, also in the short form
//! of links in older SMS, only redirects to the order's page.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::notice::Notice;
use super::order::{OrderPage, show_by};
use super::order_summary::{LinkKind, is_usable};
use super::{Code, Form, Page, Problem, Visitor, retry_after};
use crate::actors::{ReissueOutcome, Requester};
use crate::domain::access::OwnerToken;
use crate::domain::order::{MayReissue, OrderId, Payment};

/// Says what will happen, and asks for confirmation.
#[derive(Template)]
#[template(path = "reissue.html")]
struct ReissuePage<'a> {
    visitor: &'a Visitor,
    /// Its version is sent along, so that pressing twice is one new code.
    order: &'a Payment,
    /// The path of the order's page.
    order_page: String,
}

/// The order, as it is now or as soon as it differs from `since`.
pub async fn show(visitor: Visitor, token: web::Path<String>) -> Page {
    if let Some((token, order)) = find(&visitor, &token).await? {
        return show_by(&visitor, order.order_id, LinkKind::OwnerLink(&token)).await;
    }
    // Links in older SMS have the order id in short form.
    let order_id = OrderId::from_short(&token).ok_or(Code::OrderNotFound)?;
    let order = visitor.api.store.load_for_guest(order_id).await?;
    order.ok_or(Code::OrderNotFound)?;
    Ok(visitor.redirect(&format!("/order/{order_id}")))
}

/// Asks whether the code is to be replaced.
pub async fn ask(visitor: Visitor, token: web::Path<String>) -> Page {
    let (token, order) = owned(&visitor, &token).await?;
    let link = LinkKind::OwnerLink(&token);
    let has_ended = !is_usable(&order, visitor.api.store.clock().now());
    let refusal = refused_by_shop(&visitor);
    if let Some(refusal) = refusal.or_else(|| has_ended.then(|| no_new_code(&visitor))) {
        return Ok(show_again(&visitor, &order, link, refusal));
    }
    let page = ReissuePage {
        visitor: &visitor,
        order: &order,
        order_page: link.path(&order),
    };
    Ok(visitor.answer(StatusCode::OK, &page))
}

/// Replaces the code, and redirects to the order, which shows the new one.
pub async fn reissue(visitor: Visitor, token: web::Path<String>, payload: web::Payload) -> Page {
    let form = Form::read(payload).await?;
    let (token, order) = owned(&visitor, &token).await?;
    let link = LinkKind::OwnerLink(&token);
    if let Some(refusal) = refused_by_shop(&visitor) {
        return Ok(show_again(&visitor, &order, link, refusal));
    }
    let order_page = link.path(&order);
    // Our form has the version that the guest saw; any other form changes nothing.
    let Ok(seen) = form.field("seen").parse() else {
        return Ok(visitor.redirect(&format!("{order_page}/reissue")));
    };
    let requester = Requester::Owner(seen);
    let reissue = visitor.api.orders.reissue(order.order_id, requester);
    let done = reissue.await?;
    let text = &visitor.text.notice;
    let refusal = match done.outcome {
        ReissueOutcome::Replaced | ReissueOutcome::AlreadyReplaced => {
            return Ok(visitor.redirect(&order_page));
        }
        ReissueOutcome::DailyLimit(wait) => {
            let notice = Notice::new(&text.enough_codes_title, &text.enough_codes);
            let refusal = (StatusCode::TOO_MANY_REQUESTS, notice);
            let page = show_again(&visitor, &done.payment, link, refusal);
            let secs = u64::try_from(wait.num_seconds() + 1).unwrap_or(1);
            return Ok(retry_after(page, Some(secs)));
        }
        ReissueOutcome::NoValidVoucher => no_new_code(&visitor),
    };
    Ok(show_again(&visitor, &done.payment, link, refusal))
}

/// Why a code is not replaced.
type Refusal = (StatusCode, Notice);

/// The refusal if only operators may replace codes in this shop.
fn refused_by_shop(visitor: &Visitor) -> Option<Refusal> {
    let text = &visitor.text.notice;
    let notice = || Notice::new(&text.staff_codes_title, &text.staff_codes);
    let is_refused = visitor.api.shop.may_reissue == MayReissue::OperatorsOnly;
    is_refused.then(|| (StatusCode::FORBIDDEN, notice()))
}

/// The voucher has ended or is closed, so it gets no new code.
fn no_new_code(visitor: &Visitor) -> Refusal {
    let text = &visitor.text.notice;
    let notice = Notice::new(&text.no_new_code_title, &text.no_new_code);
    (StatusCode::CONFLICT, notice)
}

/// The page of the order, with why the code was not replaced.
fn show_again(
    visitor: &Visitor,
    order: &Payment,
    link: LinkKind<'_>,
    (status, notice): Refusal,
) -> HttpResponse {
    let visitor = visitor.at(&link.path(order));
    let mut page = OrderPage::new(&visitor, order, link);
    page.notice = Some(notice);
    visitor.answer(status, &page)
}

/// The order behind a link, with the token that opened it.
async fn find(visitor: &Visitor, token: &str) -> Result<Option<(OwnerToken, Payment)>, Problem> {
    let Some(token) = OwnerToken::read(token) else {
        return Ok(None);
    };
    let order = visitor.api.store.load_by_owner_token(&token).await?;
    Ok(order.map(|order| (token, order)))
}

/// The same, but an unknown token is an error: older links cannot change anything.
async fn owned(visitor: &Visitor, token: &str) -> Result<(OwnerToken, Payment), Problem> {
    let found = find(visitor, token).await?;
    found.ok_or_else(|| Problem::new(Code::OrderNotFound))
}
