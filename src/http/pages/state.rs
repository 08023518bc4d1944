//! The state of an order, for the device that bought it. Shows no code, price or order id.

use actix_web::web;
use askama::Template;

use super::order::{polled, refresh_secs, wait};
use super::{Code, Page, Visitor};
use crate::actors::status::PollAnswer;
use crate::domain::access::StateToken;
use crate::domain::order::{MayReissue, Status};
use crate::web::format::masked;
use crate::web::text::fill;

/// The status of the order, and where the code is.
#[derive(Template)]
#[template(path = "state.html")]
struct StatePage<'a> {
    visitor: &'a Visitor,
    /// Changes when the text of the page changes; the script compares it.
    state: i32,
    title: &'a str,
    lead: String,
    /// The text of the link to the shop.
    shop_label: &'a str,
    /// After how many seconds a browser without scripts reloads the page.
    refresh_secs: u64,
    /// The next version of this page, while there can be one.
    news_href: Option<String>,
}

impl<'a> StatePage<'a> {
    fn new(visitor: &'a Visitor, answered: &PollAnswer, token: &StateToken) -> Self {
        let payment = &answered.payment;
        let (order, state) = (&visitor.text.order, &visitor.text.state);
        let (title, lead, shop_label) = match payment.status {
            Status::Pending => {
                let phone = masked(&payment.phone);
                let lead = fill(&state.pending, &[("phone", &phone)]);
                (&order.pending_title, lead, &order.change)
            }
            Status::Held => (&order.held_title, order.held.clone(), &order.change),
            Status::Completed => {
                let lead = match visitor.api.shop.may_reissue {
                    MayReissue::Owner => &state.completed,
                    MayReissue::OperatorsOnly => &state.completed_by_staff,
                };
                (&state.completed_title, lead.clone(), &order.buy_more)
            }
            Status::Failed | Status::Cancelled | Status::Expired => {
                (&state.unpaid_title, state.unpaid.clone(), &order.retry)
            }
            Status::Refunded => (&state.over_title, state.over.clone(), &order.buy_more),
        };
        let since = payment.version.to_string();
        let news = || visitor.visit.link_with(&token.path(), &[("since", &since)]);
        Self {
            visitor,
            state: payment.version,
            title,
            lead,
            shop_label,
            refresh_secs: refresh_secs(answered.not_held),
            // A late payment can still complete an order that failed.
            news_href: (!payment.status.is_settled()).then(news),
        }
    }
}

/// The state of an order, at once or as soon as it differs from `since`.
pub async fn show(visitor: Visitor, token: web::Path<String>) -> Page {
    let token = StateToken::read(&token).ok_or(Code::OrderNotFound)?;
    let candidates = visitor.api.store.orders_of_ref(token.order_ref()).await?;
    let order = candidates.iter().find(|it| token.is_of(it.order_id));
    let order = order.ok_or(Code::OrderNotFound)?;
    let answered = wait(&visitor, order.order_id).await?;
    let page = StatePage::new(&visitor, &answered, &token);
    Ok(polled(&visitor, &page, answered.not_held))
}
