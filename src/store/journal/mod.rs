//! The journal of webhook deliveries and of our calls to the gateway.

pub(super) mod deliveries;
pub(super) mod gateway_calls;
pub(super) mod read;
pub(super) mod retention;
