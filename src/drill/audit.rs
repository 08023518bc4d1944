//! What has become of the orders: read from outside as a guest sees them, and in the database.

use futures_util::stream::{self, StreamExt};

use super::collected::{Collected, PlayedOrder};
use super::server::Server;
use super::{DrillError, Target, guest};
use crate::domain::order::ids::OrderId;

/// Status pages looked at together.
const AT_ONCE: usize = 32;

/// Reads the status pages, and the database if it can be reached. Changes nothing.
///
/// # Errors
/// If the database cannot be read.
pub async fn audit(target: &Target, played: Vec<PlayedOrder>) -> Result<Collected, DrillError> {
    let server = Server::of(target)?;
    let orders: Vec<OrderId> = played.iter().map(|order| order.order_id).collect();

    let looks = orders.iter().map(|order_id| {
        let looking = guest::look(&server, *order_id);
        async move { Some((*order_id, looking.await?)) }
    });
    let shown = stream::iter(looks)
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let booked = match &target.store {
        Some(store) => Some(store.audit(&orders).await?),
        None => None,
    };
    Ok(Collected {
        played,
        shown,
        booked,
    })
}
