//! The journal: what ZenoPay told us, and what it meant.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::{address, answer, desk, done, parameter, sight};
use crate::domain::ids::OrderId;
use crate::domain::mask::Sight;
use crate::domain::outcome::Outcome;
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::problem::{Code, Problem};
use crate::store::{JournalRow, JournalSearch, Reveal};
use crate::web::console::{DeliveriesPage, Delivery, DeliveryPage, Moment, Section, millis, money};

/// Deliveries a page.
const PAGE: u64 = 50;
/// Where the journal begins.
const PATH: &str = "/operator/deliveries";
/// No order id that a sender claims is longer and worth a look.
const ORDER_ID_MAX: usize = 200;

/// A page of the journal, newest first.
pub async fn list(
    request: HttpRequest,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let outcome = Outcome::of_delivery(&parameter(&request, "outcome"));
    let order_id = parameter(&request, "order_id");
    let fits = order_id.len() <= ORDER_ID_MAX && !order_id.chars().any(char::is_control);
    // Orders of ours are spelled in one way in the journal.
    let spelled = match order_id.parse::<OrderId>() {
        Ok(order_id) => order_id.to_string(),
        Err(_) => order_id.clone(),
    };
    let search = JournalSearch {
        outcome,
        order_id: (fits && !spelled.is_empty()).then_some(spelled),
        before: parameter(&request, "before").parse().ok(),
        limit: PAGE,
    };
    let page = api.store.read_journal(search).await?;
    let word = outcome.map_or("", Outcome::as_str);
    let next = page.next.map(|id| {
        let before = id.to_string();
        address(
            PATH,
            &[
                ("outcome", word),
                ("order_id", &order_id),
                ("before", &before),
            ],
        )
    });
    let rows = page.items.iter().map(|row| delivery(row, &api)).collect();
    let desk = desk(&api, &visitor, Section::Deliveries).await;
    let page = DeliveriesPage::new(desk, outcome, order_id, rows, next);
    Ok(answer(StatusCode::OK, &page))
}

/// One delivery; its body for admins alone, which is audited first.
pub async fn show(
    request: HttpRequest,
    id: web::Path<String>,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let not_found =
        || Problem::new(Code::NotFound).detail("The journal has no delivery of that number.");
    let id: i64 = id.parse().map_err(|_| not_found())?;
    let found = api.store.journalled(id).await?.ok_or_else(not_found)?;
    let body = match sight(&visitor) {
        Sight::Masked => None,
        Sight::Whole => {
            let reveal = Reveal {
                operator: visitor.operator.name.clone(),
                order_id: found.order_id.as_deref().and_then(|text| text.parse().ok()),
                subject: format!("webhook {id}"),
            };
            api.store.record_reveal(reveal).await?;
            api.store.journalled_body(id).await?.map(readable)
        }
    };
    let mut desk = desk(&api, &visitor, Section::Deliveries).await;
    desk.done = done(&parameter(&request, "done"));
    let page = DeliveryPage::new(desk, delivery(&found, &api), found.content_type, body);
    Ok(answer(StatusCode::OK, &page))
}

fn delivery(row: &JournalRow, api: &Api) -> Delivery {
    let order_id: Option<OrderId> = row.order_id.as_deref().and_then(|text| text.parse().ok());
    Delivery {
        id: row.id,
        at: Moment::new(row.received_at, api.shop.timezone),
        outcome: row.outcome.clone(),
        word: row.word.clone(),
        proof: row.proof.clone(),
        source: row.source.clone().unwrap_or_else(|| "webhook".to_owned()),
        order_id: row.order_id.clone(),
        order_href: order_id.map(|order_id| format!("/operator/orders/{order_id}")),
        reference: row.reference.clone(),
        amount: row.amount.map(money),
        took: millis(row.processing_ms),
    }
}

/// As sent; what is no text is shown byte by byte, for it is still evidence.
fn readable(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap_or_else(|error| {
        let bytes = error.as_bytes().iter().map(|byte| format!("{byte:02x}"));
        bytes.collect::<Vec<_>>().join(" ")
    })
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn a_body_is_shown_as_sent_and_bytes_where_it_is_no_text() {
        assert_eq!(readable(b"{\"a\": 1}".to_vec()), "{\"a\": 1}");
        assert_eq!(readable(vec![0xff, 0x00]), "ff 00");
    }
}
