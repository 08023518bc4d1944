//! Find an order.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::{PageContext, Section, address, answer, filters, see, shown};
use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::people::mask::Visibility;
use crate::domain::search::{self, Key};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::store::OrderSearch;

/// Orders a page.
const PAGE: u64 = 25;
/// Where orders are found.
const PATH: &str = "/operator/orders";

/// One box, and what it finds. Phones and codes are masked for everybody.
#[derive(Template)]
#[template(path = "console/orders.html")]
struct OrdersPage {
    desk: PageContext,
    q: String,
    status: Option<Status>,
    found: Vec<Payment>,
    /// The next page.
    next: Option<String>,
    /// Why nothing was looked for.
    fault: Option<String>,
}

impl OrdersPage {
    /// An order's page: by its `ref`, unless another order of the list has the same and an admin
    /// looks, who may see whole ids.
    fn href(&self, payment: &Payment) -> String {
        let order_ref = payment.order_id.order_ref();
        let refs = self.found.iter().map(|it| it.order_id.order_ref());
        let is_only = refs.filter(|it| *it == order_ref).count() == 1;
        let sight = Visibility::of(self.desk.operator.role);
        match sight.order_id(payment.order_id) {
            Some(order_id) if !is_only => format!("{PATH}/{order_id}"),
            Some(_) | None => format!("{PATH}/{order_ref}"),
        }
    }

    fn phone(&self, payment: &Payment) -> String {
        Visibility::Masked.phone(payment.phone.international())
    }

    fn code(&self, payment: &Payment) -> String {
        let voucher = payment.voucher.as_ref();
        voucher.map_or("–".to_owned(), |it| {
            Visibility::Masked.code(it.code.as_str())
        })
    }
}

/// How a status looks.
pub fn tone(status: Status) -> &'static str {
    match status {
        Status::Completed => "good",
        Status::Pending => "open",
        Status::Held => "watch",
        Status::Failed | Status::Cancelled | Status::Expired => "quiet",
        Status::Refunded => "back",
    }
}

/// What was found, newest first. What was typed to find one order leads there at once.
pub async fn show(caller: Caller) -> Result<HttpResponse, Problem> {
    let before = caller.parameter("before").parse::<i64>().ok();
    let mut page = OrdersPage {
        desk: PageContext::of(&caller, Section::Orders).await,
        q: caller.parameter("q"),
        status: Status::read(&caller.parameter("status")),
        found: Vec::new(),
        next: None,
        fault: None,
    };
    let keys = match page.q.as_str() {
        "" => Vec::new(),
        typed => match search::read(typed, caller.operator().role) {
            Ok(keys) => keys,
            Err(why) => {
                page.fault = Some(format!("Nothing can be looked for: {why}."));
                return Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page));
            }
        },
    };
    let code = code_of(&keys);
    let search = OrderSearch {
        keys,
        status: page.status,
        before,
        limit: PAGE,
    };
    let found = caller.api.store.find_orders(search).await?;
    page.found = found.items;
    if let (true, Some(code)) = (page.found.is_empty(), code)
        && let Some(printed) = caller.api.store.voucher(code).await?
        && printed.order_id.is_none()
    {
        // No order leads to a printed voucher.
        return Ok(see(&format!("/operator/printed/{}", printed.id)));
    }
    if let ([only], false, None) = (page.found.as_slice(), page.q.is_empty(), before) {
        return Ok(see(&page.href(only)));
    }
    page.next = found.next.map(|id| {
        let parameters = [
            ("q", page.q.as_str()),
            ("status", page.status.map_or("", Status::as_str)),
            ("before", &id.to_string()),
        ];
        address(PATH, &parameters)
    });
    Ok(shown(&page))
}

fn code_of(keys: &[Key]) -> Option<VoucherCode> {
    keys.iter().find_map(|key| match key {
        Key::Code(code) => Some(code.clone()),
        Key::Order(_) | Key::Ref(_) | Key::Phone(_) | Key::PhoneEnd(_) | Key::Number(_) => None,
    })
}
