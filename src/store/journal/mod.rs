//! The journal of webhook deliveries and of our calls to the gateway.

pub(super) mod deliveries;
pub(super) mod read;
