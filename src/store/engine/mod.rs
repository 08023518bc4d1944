//! Connections, the clock, and the one way to write and to read.

pub(super) mod clock;
pub(super) mod connect;
pub(super) mod files;
pub(super) mod pool;
pub(super) mod reader;
pub(super) mod runtime;
pub(super) mod sql;
#[cfg(test)]
pub(super) mod tests;
pub(super) mod writer;
