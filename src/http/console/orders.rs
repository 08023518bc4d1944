//! Find an order.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::{address, answer, desk, parameter, see, sight};
use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::people::language::Language;
use crate::domain::people::mask::Sight;
use crate::domain::search::{self, Key};
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::problem::Problem;
use crate::store::OrderSearch;
use crate::web::console::{FoundOrder, Moment, OrdersPage, Section, money};

/// Orders a page.
const PAGE: u64 = 25;
/// Where orders are found.
const PATH: &str = "/operator/orders";

/// What was found, newest first. What was typed to find one order leads there at once.
pub async fn show(
    request: HttpRequest,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let q = parameter(&request, "q");
    let status = Status::read(&parameter(&request, "status"));
    let before = parameter(&request, "before").parse::<i64>().ok();
    let desk = desk(&api, &visitor, Section::Orders).await;
    let keys = match q.as_str() {
        "" => Ok(Vec::new()),
        typed => search::read(typed, visitor.operator.role),
    };
    let keys = match keys {
        Ok(keys) => keys,
        Err(why) => {
            let page = OrdersPage::new(desk, q, status, Vec::new(), None);
            let why = format!("Nothing can be looked for: {why}.");
            return Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page.refused(why)));
        }
    };
    let code = code_of(&keys);
    let search = OrderSearch {
        keys,
        status,
        before,
        limit: PAGE,
    };
    let found = api.store.find_orders(search).await?;
    if let (true, Some(code)) = (found.items.is_empty(), code)
        && let Some(id) = printed(code, &api).await?
    {
        return Ok(see(&format!("/operator/printed/{id}")));
    }
    if let ([only], false, None) = (found.items.as_slice(), q.is_empty(), before) {
        return Ok(see(&href(only, &found.items, sight(&visitor))));
    }
    let word = status.map_or("", Status::as_str);
    let next = found.next.map(|id| {
        let parameters = [
            ("q", q.as_str()),
            ("status", word),
            ("before", &id.to_string()),
        ];
        address(PATH, &parameters)
    });
    let orders = found
        .items
        .iter()
        .map(|payment| row(payment, href(payment, &found.items, sight(&visitor)), &api))
        .collect();
    let page = OrdersPage::new(desk, q, status, orders, next);
    Ok(answer(StatusCode::OK, &page))
}

fn code_of(keys: &[Key]) -> Option<VoucherCode> {
    keys.iter().find_map(|key| match key {
        Key::Code(code) => Some(code.clone()),
        Key::Order(_) | Key::Ref(_) | Key::Phone(_) | Key::PhoneEnd(_) | Key::Number(_) => None,
    })
}

/// The printed voucher of that code: no order leads to it.
async fn printed(code: VoucherCode, api: &Api) -> Result<Option<i64>, Problem> {
    let found = api.store.voucher(code).await?;
    let printed = found.filter(|issued| issued.order_id.is_none());
    Ok(printed.map(|issued| issued.id))
}

/// An order's page: by its `ref`, unless another order of the list has the same and an admin
/// looks, who may see whole ids.
fn href(payment: &Payment, list: &[Payment], sight: Sight) -> String {
    let order_ref = payment.order_id.order_ref();
    let same = list
        .iter()
        .filter(|it| it.order_id.order_ref() == order_ref);
    match sight.order_id(payment.order_id) {
        Some(order_id) if same.count() > 1 => format!("{PATH}/{order_id}"),
        Some(_) | None => format!("{PATH}/{order_ref}"),
    }
}

/// As lists show an order: masked for everybody.
fn row(payment: &Payment, href: String, api: &Api) -> FoundOrder {
    let sight = Sight::Masked;
    let code = payment
        .voucher
        .as_ref()
        .map(|voucher| voucher.code.as_str());
    FoundOrder {
        name: payment.order_id.order_ref().to_string(),
        href,
        status: payment.status,
        at: Moment::new(payment.created_at, api.shop.timezone),
        phone: sight.phone(payment.phone.international()),
        package: payment.terms.name(Language::English).to_owned(),
        amount: money(payment.amount.0),
        code: code.map(|code| sight.code(code)),
        reference: payment.gateway.reference.clone(),
    }
}
