//! The alerts that a webhook adds to its order's timeline. Copies of a webhook would add the same alert
//! again, and the daily report would count a second charge once for each of them.

use crate::domain::order::{Decision, Level, OrderId, Remark};
use crate::gateways::zenopay::proof::Proof;
use crate::store::{DeliveryRecord, Store, StoreError};

/// An operator looks at an order that has this many alerts. Webhooks without the key then add no more,
/// because their sender can invent any number of references.
const ALERTS_MAX: usize = 5;

/// Leaves out the alerts that the order's timeline has already, and those that are too many. The
/// journal has the webhook with its word, reference and amount in any case.
pub(super) async fn leave_out_surplus(
    store: &Store,
    order_id: OrderId,
    delivery: &DeliveryRecord,
    decision: &mut Decision,
) -> Result<(), StoreError> {
    let is_alert = |remark: &Remark| remark.level == Level::Alert;
    if !decision.effect.changes_nothing() || !decision.remarks.iter().any(is_alert) {
        return Ok(());
    }
    let known = store.alerts_of(order_id).await?;
    let by_url = delivery.proof == Some(Proof::Token.into_str());
    let is_full = by_url && known.len() >= ALERTS_MAX;
    decision.remarks.retain(|remark| {
        let is_known =
            |(kind, text): &(String, String)| kind == remark.kind && *text == remark.text;
        !is_alert(remark) || !(is_full || known.iter().any(is_known))
    });
    Ok(())
}
