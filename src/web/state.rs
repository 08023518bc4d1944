//! The state of an order, for the device that it was bought from: no code, no price, no order id.

use askama::Template;

use super::format;
use super::frame::Frame;
use super::text::fill;
use crate::domain::access::StateToken;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::order::reissue::MayReissue;

/// What has become of the order, and where the code is.
#[derive(Template)]
#[template(path = "state.html")]
pub struct StatePage<'a> {
    frame: Frame<'a>,
    /// Changes whenever the page says something else; the script compares it.
    state: i32,
    title: &'a str,
    lead: String,
    /// What leads to the shop is called.
    shop_label: &'a str,
    /// Where the next look waits for news, while there can be any.
    news_href: Option<String>,
}

impl<'a> StatePage<'a> {
    /// The page of this order.
    pub fn new(frame: Frame<'a>, payment: &Payment, token: &StateToken) -> Self {
        let (order, state) = (&frame.text.order, &frame.text.state);
        let (title, lead, may_change) = match payment.status {
            Status::Pending => {
                let phone = format::masked(&payment.phone);
                let lead = fill(&state.pending, &[("phone", &phone)]);
                (&order.pending_title, lead, true)
            }
            Status::Held => (&order.held_title, order.held.clone(), true),
            Status::Completed => {
                let lead = match frame.shop.may_reissue {
                    MayReissue::Owner => &state.completed,
                    MayReissue::OperatorsOnly => &state.completed_by_staff,
                };
                (&state.completed_title, lead.clone(), false)
            }
            // Late money can still complete these, so they are watched.
            Status::Failed | Status::Cancelled | Status::Expired => {
                (&state.unpaid_title, state.unpaid.clone(), true)
            }
            Status::Refunded => (&state.over_title, state.over.clone(), false),
        };
        let shop_label = match payment.status {
            Status::Pending | Status::Held => &order.change,
            Status::Completed | Status::Refunded => &order.buy_more,
            Status::Failed | Status::Cancelled | Status::Expired => &order.retry,
        };
        let since = payment.version.to_string();
        let link = || frame.visit.link_with(&token.path(), &[("since", &since)]);
        Self {
            state: payment.version,
            title: title.as_str(),
            lead,
            shop_label: shop_label.as_str(),
            news_href: may_change.then(link),
            frame,
        }
    }
}
