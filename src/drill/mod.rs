//! The exactly-once drill: many guests buy, and every webhook is sent many times, in the wrong
//! order and at the same moment. Then the status pages and the database are checked.
//!
//! [`play`] plays a [`Plan`] against a [`Target`], and [`audit`] reads the state of the orders
//! afterwards. Both results together are [`Collected`]. [`check`] finds each [`Violation`] in it, and
//! the [`Report`] lists them.
//!
//! # Invariants
//! `check` is a pure function of what was collected, so that it can itself be tested.

use std::time::Instant;

use futures_util::stream::{self, StreamExt};

mod check;
mod collected;
mod fault;
mod guest;
mod play;
mod progress;
mod report;
mod server;

pub use check::check;
pub use collected::{Collected, PlayedOrder, PollAnswer, Sent, Shown};
pub use fault::{Fault, Harm, Thing, Violation};
pub use play::{Plan, play};
pub use progress::Progress;
pub use report::Report;
pub use server::{DrillError, Reply, Target};

use server::Server;

/// Status pages that are read at the same moment.
const AT_ONCE: usize = 32;

/// Plays, audits, checks and reports.
///
/// # Errors
/// The [`DrillError`], when the drill cannot be played or checked to its end.
pub async fn run(target: &Target, plan: Plan, progress: &Progress) -> Result<Report, DrillError> {
    let server = Server::new(target)?;
    server.require_sandbox().await?;
    let started = Instant::now();
    let counted_before = server.sales_counted().await;
    let played = play(target, plan, progress).await?;
    let counted_after = server.sales_counted().await;
    let took = started.elapsed();

    let collected = audit(target, played).await?;
    let counted = server::sales_between(counted_before, counted_after);
    Ok(Report::new(target, plan, took, counted, &collected))
}

/// Reads the status pages, and the database if it can be reached. Changes nothing.
///
/// # Errors
/// If the database cannot be read.
pub async fn audit(target: &Target, played: Vec<PlayedOrder>) -> Result<Collected, DrillError> {
    let server = &Server::new(target)?;
    let pages = played.iter().map(|order| async {
        let shown = guest::status_page(server, order.order_id).await;
        Some((order.order_id, shown?))
    });
    let shown = stream::iter(pages)
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let orders: Vec<_> = played.iter().map(|order| order.order_id).collect();
    let rows = match &target.store {
        Some(store) => Some(store.audit(&orders).await?),
        None => None,
    };
    Ok(Collected {
        played,
        shown,
        rows,
    })
}
