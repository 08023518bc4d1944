//! Connections, the clock, and the one way to write and to read.

pub(super) mod clock;
pub(super) mod connect;
pub(super) mod files;
pub(super) mod health;
pub(super) mod pool;
pub(super) mod reader;
pub(super) mod runtime;
pub(super) mod sql;
mod suitable;
#[cfg(test)]
pub(super) mod tests;
pub(super) mod writer;
