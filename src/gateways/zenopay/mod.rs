//! ZenoPay, translated: its payloads to our words, its proofs to a verdict, its two calls to
//! answers.
//!
//! [`wire`] holds every payload, read and written. [`proof`] says why a delivery is believed.
//! [`client`] makes the two calls.
//!
//! # Invariants
//! What is unclear is unknown, never failed and never paid.

pub mod client;
pub mod proof;
pub mod wire;
