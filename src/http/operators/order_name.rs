//! An order as operators name it, in a path or a query: by its id or by its `ref`.

use serde_json::{Value, json};

use crate::domain::order::ids::{OrderId, OrderName, OrderRef};
use crate::domain::order::payment::Payment;
use crate::domain::people::mask::Visibility;
use crate::http::auth::Caller;
use crate::http::portal::status::rfc3339;
use crate::http::problem::{Code, Problem};

/// The order that `text` names. Whether there is an order of that id is not looked up.
///
/// # Errors
/// 404 `order_not_found`; 409 `ambiguous_ref` with the candidates, newest first.
pub async fn order_named(text: &str, caller: &Caller) -> Result<OrderId, Problem> {
    let name = text
        .parse::<OrderName>()
        .map_err(|_| Problem::new(Code::OrderNotFound))?;
    match name {
        OrderName::Id(order_id) => Ok(order_id),
        OrderName::Ref(order_ref) => {
            let found = only_order(order_ref, caller).await?;
            found.ok_or_else(|| Problem::new(Code::OrderNotFound))
        }
    }
}

/// The one order that has this `ref`.
///
/// # Errors
/// 409 `ambiguous_ref` with the candidates, newest first.
pub async fn only_order(order_ref: OrderRef, caller: &Caller) -> Result<Option<OrderId>, Problem> {
    let found = caller.api.store.orders_of_ref(order_ref).await?;
    match found.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only.order_id)),
        several => {
            let sight = caller.sight();
            let candidates: Vec<Value> = several.iter().map(|it| candidate(it, sight)).collect();
            Err(Problem::new(Code::AmbiguousRef)
                .detail(format!(
                    "{} orders have the ref {order_ref}: take one by its time and package",
                    several.len()
                ))
                .with("candidates", candidates))
        }
    }
}

fn candidate(payment: &Payment, sight: Visibility) -> Value {
    json!({
        "order": payment.order_id.order_ref().to_string(),
        "order_id": sight.order_id(payment.order_id),
        "created_at": rfc3339(payment.created_at),
        "package": payment.terms.code,
        "status": payment.status.as_str(),
    })
}
