//! ZenoPay: [`wire`] reads and writes its payloads, [`proof`] decides what proves a delivery, and
//! [`client`] makes the two calls.
//!
//! # Invariants
//! Anything unclear is unknown, never failed and never paid.

pub mod client;
pub mod proof;
pub mod wire;
