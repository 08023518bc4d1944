//! One order: its payment, the evidence about it, and what the evidence decides.

pub(super) mod confirmation;
pub mod decide;
pub mod decision;
pub mod evidence;
pub mod failure;
pub mod ids;
pub mod outcome;
pub mod payment;
pub mod reissue;
pub mod reported_amount;
pub mod sale;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use tests::decide_table;
