//! The link in the SMS, which is short because an SMS is: it shows the order at an address of its
//! own, and has the voucher's code replaced after a page that asks for confirmation.
//!
//! # Invariants
//! Only what is reached by the link's own token shows a new code or asks for one. An order id, also
//! in the short form that the first edition put into links, leads to the order's page.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::order::{draw, show_by};
use super::{Form, Page, Visitor, order_path};
use crate::actors::{ReissueOutcome, Requester};
use crate::domain::access::OwnerToken;
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Payment;
use crate::domain::order::reissue::MayReissue;
use crate::http::Api;
use crate::http::problem::{Code, Problem};
use crate::web::text::text;
use crate::web::{LinkKind, Notice, ReissuePage};

/// The order, as it is now or as soon as it differs from `since`.
pub async fn show(
    visitor: Visitor,
    request: HttpRequest,
    token: web::Path<String>,
    api: web::Data<Api>,
) -> Page {
    match find(&api, &token).await? {
        Some((token, order)) => {
            let door = LinkKind::OwnerLink(&token);
            show_by(&request, &api, &visitor, order.order_id, door).await
        }
        None => first_edition(&api, &visitor, &token).await,
    }
}

/// Says what will happen, and asks whether it is to happen.
pub async fn ask(visitor: Visitor, token: web::Path<String>, api: web::Data<Api>) -> Page {
    let (token, order) = owned(&api, &token).await?;
    let now = api.store.clock().now();
    let (status, notice) = match hindrance(&visitor) {
        Some(hindrance) => hindrance,
        None => match ReissuePage::new(visitor.frame(), &order, &token, now) {
            Some(page) => return Ok(visitor.answer(StatusCode::OK, &page)),
            None => {
                let notice = Notice::no_new_code(text(visitor.language));
                (StatusCode::CONFLICT, notice)
            }
        },
    };
    Ok(back(&api, &visitor, &token, status, &order, notice))
}

/// Has the code replaced, and leads back to the order, which shows the new one.
pub async fn reissue(
    visitor: Visitor,
    token: web::Path<String>,
    form: Form,
    api: web::Data<Api>,
) -> Page {
    let (token, order) = owned(&api, &token).await?;
    if let Some((status, notice)) = hindrance(&visitor) {
        return Ok(back(&api, &visitor, &token, status, &order, notice));
    }
    let home = LinkKind::OwnerLink(&token).path(&order);
    // A form of ours knows what the guest saw; of anything else nothing follows.
    let Ok(seen) = form.field("seen").parse() else {
        return Ok(visitor.see(&format!("{home}/reissue")));
    };
    let requester = Requester::Owner { seen };
    let done = api.orders.reissue(order.order_id, requester).await?;
    let text = text(visitor.language);
    let (status, notice) = match done.code {
        ReissueOutcome::Given | ReissueOutcome::GivenBefore => return Ok(visitor.see(&home)),
        ReissueOutcome::Enough => (StatusCode::TOO_MANY_REQUESTS, Notice::enough_codes(text)),
        ReissueOutcome::Over => (StatusCode::CONFLICT, Notice::no_new_code(text)),
    };
    Ok(back(&api, &visitor, &token, status, &done.payment, notice))
}

/// Leads to the page that asks: a reloaded answer to the form changes nothing.
fn back(
    api: &Api,
    visitor: &Visitor,
    token: &OwnerToken,
    status: StatusCode,
    order: &Payment,
    notice: Notice,
) -> HttpResponse {
    draw(
        api,
        visitor,
        status,
        order,
        LinkKind::OwnerLink(token),
        notice,
    )
}

/// Why no link can have a code replaced here.
fn hindrance(visitor: &Visitor) -> Option<(StatusCode, Notice)> {
    match visitor.shop.may_reissue {
        MayReissue::Owner => None,
        MayReissue::OperatorsOnly => {
            let notice = Notice::staff_replace_codes(text(visitor.language));
            Some((StatusCode::FORBIDDEN, notice))
        }
    }
}

/// The order behind a link, with the token that opened it.
async fn find(api: &Api, token: &str) -> Result<Option<(OwnerToken, Payment)>, Problem> {
    let Some(token) = OwnerToken::read(token) else {
        return Ok(None);
    };
    let order = api.store.load_by_owner_token(&token).await?;
    Ok(order.map(|order| (token, order)))
}

/// The same for a guest who wants to change something, which nothing but the token opens.
async fn owned(api: &Api, token: &str) -> Result<(OwnerToken, Payment), Problem> {
    let found = find(api, token).await?;
    found.ok_or_else(|| Problem::new(Code::OrderNotFound))
}

/// A link of the first edition leads to the order's page, whose address it says as well.
async fn first_edition(api: &Api, visitor: &Visitor, short: &str) -> Page {
    let nothing = || Problem::new(Code::OrderNotFound);
    let order_id = OrderId::from_short(short).ok_or_else(nothing)?;
    api.store
        .load_for_guest(order_id)
        .await?
        .ok_or_else(nothing)?;
    Ok(visitor.see(&order_path(order_id)))
}
