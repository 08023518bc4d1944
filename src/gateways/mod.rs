//! Payment gateways: their wire formats, proofs and calls.

pub mod zenopay;
