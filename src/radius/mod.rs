//! What FreeRADIUS and routers are told, and asked.
//!
//! `attributes` makes the rows by which FreeRADIUS lets a voucher in; `packet` is what goes
//! over the wire, signed and checked; `client` sends it and waits for an answer.

pub mod attributes;
pub mod client;
pub mod packet;
