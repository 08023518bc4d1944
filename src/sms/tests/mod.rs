//! Each provider against a gateway whose answers can be as bad as the real ones.

mod africastalking;
mod beem;
mod fake;
mod nextsms;
mod zenopay;
