//! One order: its payment, the evidence about it, and what the evidence decides.

mod confirmation;
pub mod decide;
pub mod decision;
pub mod evidence;
pub mod ids;
pub mod outcome;
pub mod payment;
pub mod reissue;
pub mod reported_amount;
pub mod sale;
#[cfg(test)]
mod tests;
mod waiting;

pub use decision::{Decision, Effect, Level, Remark};
pub use evidence::{
    Evidence, GatewayReport, OrderAct, ReissueCount, ReissueInput, ReissuedBy, ReportedStatus,
};
pub use ids::{NotAnOrderId, NotAnOrderRef, OrderId, OrderName, OrderRef};
pub use outcome::{FailureReason, Outcome};
pub use payment::{GatewayFacts, Payment, Status, Tender};
pub use reissue::MayReissue;
pub use reported_amount::ReportedAmount;
pub use sale::{Facts, Invoice, ReissuedVoucher, Sale, Sms};
pub use waiting::Waiting;

#[cfg(test)]
pub(super) use tests::decide_table;
